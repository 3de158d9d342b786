/** Nothing secret is ever on record: whatever bytes are sent where secrets go, and whatever comes of it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { operations } from '../../functions/index.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import type { AnyShape } from '../../lib/schema/shape.ts'
import { stage, validInputs } from '../harness/inputs.ts'
import { TestWorld } from '../harness/world.ts'

const isSecret = (shape: AnyShape): boolean => shape.kind === 'blob' || shape.sensitive
const withSecrets = operations.filter((operation: AnyOperation) =>
  Object.values<AnyShape>(operation.input.members).some(isSecret),
)

/** How the bytes could be written down. */
const formsOf = (bytes: Uint8Array): readonly string[] => {
  const buffer = Buffer.from(bytes)
  return [buffer.toString('base64').replace(/=+$/, ''), buffer.toString('base64url'), buffer.toString('hex')]
}

test('sensitive bytes of any request are in no record, no intent and no log, in no form', async () => {
  const world = await TestWorld.start()
  const at = await stage(world)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...withSecrets),
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.boolean(),
      async (operation: AnyOperation, bytes, all) => {
        world.records.length = 0
        world.intents.length = 0
        world.logged.length = 0
        const secret = Buffer.from(bytes).toString('base64')
        const members = Object.entries<AnyShape>(operation.input.members).filter(([, shape]) => isSecret(shape))
        const valid: Readonly<Record<string, unknown>> = validInputs[operation.name]?.(at) ?? {}
        // With all of them wrong the first is refused; with one, the request goes as far as it can.
        const wrong = all ? members : members.slice(0, 1)
        const given = wrong.map(([name, shape]) => [name, shape.kind === 'list' ? [secret] : secret])
        await world.call(operation.name, { ...valid, ...Object.fromEntries(given) })
        const written = JSON.stringify([world.records, world.intents, world.logged])
        expect(world.records).toHaveLength(1)
        for (const form of formsOf(bytes)) expect(written).not.toContain(form)
      },
    ),
    { numRuns: 300 },
  )
})
