import { describe, expect, test } from 'vitest'
import { foldedName, type User } from '../../../lib/identity/entities.ts'
import { named } from '../../../lib/identity/principals.ts'
import { Conflict } from '../../../lib/ports.ts'
import type { Records } from '../../../lib/store/cached.ts'
import { aGroup, aManagedPolicy, aProvider, aRole, aUser } from '../../harness/identities.ts'

const accountOfItsOwn = () => String(Math.floor(Math.random() * 1e12)).padStart(12, '0')

/** What every store does with users, roles, groups, managed policies and OIDC providers. */
export function keepsPrincipals(opened: () => Records): void {
  const principals = () => opened().principals

  describe('users', () => {
    test('are found by id and by name, whatever its case, as they were created', async () => {
      const user = aUser('Bob', {
        account: accountOfItsOwn(),
        tags: { team: 'red' },
        inline: { 'a b': '{}' },
        attached: [{ id: 'ANPA1', arn: 'arn:aws:iam::1:policy/x' }],
        accessKeys: [{ id: 'AKIA1', status: 'Active', createdAt: 1 }],
        groups: ['AGPA1'],
        boundary: { id: 'ANPA2', arn: 'arn:aws:iam::1:policy/y' },
      })
      const { users } = principals()
      expect(await named(users, user.account, 'bob')).toBeUndefined()
      await users.create(user)
      expect(await users.find(user.id)).toStrictEqual(user)
      expect(await named(users, user.account, 'BOB')).toStrictEqual(user)
      expect(await named(users, accountOfItsOwn(), 'Bob')).toBeUndefined()
    })

    test('have their names for themselves, and a refused one is not there', async () => {
      const account = accountOfItsOwn()
      const { users } = principals()
      const first = aUser('bob', { account })
      const second = aUser('BOB', { account })
      await users.create(first)
      await expect(users.create(second)).rejects.toThrow(Conflict)
      expect(await users.find(second.id)).toBeUndefined()
      expect((await named(users, account, 'bob'))?.id).toBe(first.id)
    })

    test('of one name, created at once, are one', async () => {
      const account = accountOfItsOwn()
      const { users } = principals()
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => users.create(aUser('bob', { account }))))
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect((await users.list(account, { limit: 10 })).items).toHaveLength(1)
    })

    test('are changed from the revision that is there, and from no other', async () => {
      const user = aUser('bob', { account: accountOfItsOwn() })
      const { users } = principals()
      await users.create(user)
      await users.replace({ ...user, tags: { a: 'b' } })
      await expect(users.replace({ ...user, tags: { c: 'd' } })).rejects.toThrow(Conflict)
      await expect(users.remove(user)).rejects.toThrow(Conflict)
      expect(await users.find(user.id)).toStrictEqual({ ...user, tags: { a: 'b' }, revision: 2 })
    })

    test('leave their name to others when they are removed, and to nobody their id', async () => {
      const account = accountOfItsOwn()
      const { users } = principals()
      const first = aUser('bob', { account })
      const second = aUser('bob', { account })
      await users.create(first)
      await users.remove(first)
      expect(await named(users, account, 'bob')).toBeUndefined()
      await users.create(second)
      expect(await users.find(first.id)).toBeUndefined()
      expect((await named(users, account, 'bob'))?.id).toBe(second.id)
    })

    test('are called by their new name only once renamed, and the old one is free', async () => {
      const account = accountOfItsOwn()
      const { users } = principals()
      const bob = aUser('bob', { account })
      const eve = aUser('eve', { account })
      await users.create(bob)
      await users.create(eve)
      await expect(users.rename({ ...bob, name: 'Eve' }, 'bob')).rejects.toThrow(Conflict)
      expect((await named(users, account, 'bob'))?.id).toBe(bob.id)
      await users.rename({ ...bob, name: 'rob' }, 'bob')
      expect(await named(users, account, 'bob')).toBeUndefined()
      const rob = await named(users, account, 'ROB')
      expect(rob).toStrictEqual({ ...bob, name: 'rob', revision: 2 })
      await users.create(aUser('bob', { account }))
      await users.rename({ ...(rob as User), name: 'ROB' }, 'rob')
      expect((await users.list(account, { limit: 10 })).items.map(({ name }) => name)).toEqual(['bob', 'eve', 'ROB'])
    })

    test('are listed in pages by name, each account apart', async () => {
      const account = accountOfItsOwn()
      const { users } = principals()
      for (const name of ['delta', 'Alpha', 'charlie', 'bravo']) await users.create(aUser(name, { account }))
      const first = await users.list(account, { limit: 3 })
      expect(first.items.map(({ name }) => name)).toEqual(['Alpha', 'bravo', 'charlie'])
      expect(first.more).toBe(true)
      const rest = await users.list(account, { limit: 3, after: foldedName('charlie') })
      expect(rest.items.map(({ name }) => name)).toEqual(['delta'])
      expect(rest.more).toBe(false)
      expect((await users.list(accountOfItsOwn(), { limit: 3 })).items).toEqual([])
    })
  })

  test('roles, groups and managed policies are kept apart by the same name', async () => {
    const account = accountOfItsOwn()
    const { users, roles, groups, managedPolicies } = principals()
    const role = aRole('x', { account, description: 'd', trustIds: { a: 'b' } })
    const group = aGroup('x', { account })
    const policy = aManagedPolicy('x', '{}', { account })
    await users.create(aUser('x', { account }))
    await roles.create(role)
    await groups.create(group)
    await managedPolicies.create(policy)
    expect(await named(roles, account, 'x')).toStrictEqual(role)
    expect(await named(groups, account, 'x')).toStrictEqual(group)
    expect(await named(managedPolicies, account, 'x')).toStrictEqual(policy)
  })

  test('OIDC providers are found by URL, changed, listed and removed', async () => {
    const account = accountOfItsOwn()
    const { oidcProviders } = principals()
    const provider = aProvider('issuer.example/a', { account })
    await oidcProviders.create(provider)
    await expect(oidcProviders.create(provider)).rejects.toThrow(Conflict)
    await oidcProviders.replace({ ...provider, clientIds: ['b'] })
    const changed = { ...provider, clientIds: ['b'], revision: 2 }
    expect(await oidcProviders.find(account, provider.url)).toStrictEqual(changed)
    expect((await oidcProviders.list(account, { limit: 5 })).items).toStrictEqual([changed])
    await oidcProviders.remove(changed)
    expect(await oidcProviders.find(account, provider.url)).toBeUndefined()
  })

  test('links are listed by what they lead to, and one made anew is not removed with the old', async () => {
    const { links } = principals()
    const target = aManagedPolicy('x', '{}').id
    const link = { target, kind: 'attached', from: 'AIDA1', createdAt: 1 } as const
    await links.put(link)
    await links.put({ ...link, kind: 'boundary' })
    expect(await links.find(target, 'attached', 'AIDA1')).toStrictEqual(link)
    expect(await links.find(target, 'member', 'AIDA1')).toBeUndefined()
    await links.put({ ...link, createdAt: 2 })
    await links.remove(link)
    expect((await links.to(target, { limit: 5 })).items).toStrictEqual([
      { ...link, createdAt: 2 },
      { ...link, kind: 'boundary' },
    ])
    const first = await links.to(target, { limit: 1 })
    expect(first.more).toBe(true)
    expect((await links.to(target, { limit: 5, after: 'attached#AIDA1' })).items).toHaveLength(1)
  })
}
