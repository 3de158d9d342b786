/** What is done alike to users, roles and groups. */
import { DeleteConflict } from '../errors.ts'
import { foldedName, iamArn, type PolicyHolder } from './entities.ts'
import { type Asked, demandFree, demandHolder, type HolderKind } from './holders.ts'
import { demandPath } from './names.ts'
import { endOf, type PageInput, pageOf } from './pages.ts'

/** Of one that is to be deleted. @throws DeleteConflict */
export function demandNoPolicies({ attached, inline }: PolicyHolder): void {
  if (attached.length > 0) throw new DeleteConflict('Cannot delete entity, must detach all policies first.')
  if (Object.keys(inline).length > 0) throw new DeleteConflict('Cannot delete entity, must delete policies first.')
}

/** @throws NoSuchEntity, EntityAlreadyExists, ValidationError */
export async function rename<T extends PolicyHolder>(
  kind: HolderKind<T>,
  formerName: string,
  to: { readonly name: string | undefined; readonly path: string | undefined },
  { principals, place }: Asked,
): Promise<void> {
  const found = await demandHolder(kind, formerName, { principals, place })
  const { name = found.name, path = found.path } = to
  demandPath('path', path)
  await demandFree(kind, name, { principals, place }, found)
  const arn = iamArn(place, kind.type, path + name)
  await kind.entitiesOf(principals).rename({ ...found, name, path, arn }, found.name)
}

/** A page of the account's, without those under another path. @throws ValidationError */
export async function pageByPath<T extends PolicyHolder>(
  kind: HolderKind<T>,
  { PathPrefix, ...page }: PageInput & { readonly PathPrefix: string },
  { principals, place }: Asked,
) {
  demandPath('pathPrefix', PathPrefix)
  const found = await kind.entitiesOf(principals).list(place.account, pageOf(page))
  const items = found.items.filter((each) => each.path.startsWith(PathPrefix))
  return { items, end: endOf(found, ({ name }) => foldedName(name)) }
}
