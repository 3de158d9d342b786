import { aliasArn, keyArn, type Place, parseArn } from '../arn.ts'
import { InvalidArnException, NotAuthorizedException, NotFoundException, ValidationException } from '../errors.ts'

/** What a `KeyId` member names. `account` is the caller's unless an ARN said otherwise. */
export type KeyIdentifier =
  | { readonly kind: 'key'; readonly id: string; readonly account: string; readonly arn: string }
  | { readonly kind: 'alias'; readonly name: string; readonly account: string; readonly arn: string }

const wellFormedId = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/i

export const isMultiRegionId = (id: string): boolean => id.startsWith('mrk-')
/** As a key is stored; a request may write it in capitals, and then names another. */
export const isKeyId = (text: string): boolean => wellFormedId.test(text) && text === text.toLowerCase()

const isAlias = (text: string): boolean =>
  text.startsWith('alias/') || (parseArn(text)?.resource.startsWith('alias/') ?? false)

/**
 * @param at the caller's account, and the Region served
 * @throws NotFoundException with AWS's words for an identifier that cannot name a key here (kms-api.md §4.4)
 */
export function parseKeyIdentifier(text: string, at: Place): KeyIdentifier {
  if (text.startsWith('alias/')) return { kind: 'alias', name: text, account: at.account, arn: aliasArn(at, text) }
  if (!text.startsWith('arn:')) {
    if (!wellFormedId.test(text)) throw new NotFoundException(`Invalid keyId '${text}'`)
    return { kind: 'key', id: text, account: at.account, arn: keyArn(at, text) }
  }
  const arn = parseArn(text)
  if (!arn || arn.partition !== at.partition || arn.service !== 'kms' || !/^\d{12}$/.test(arn.account)) {
    throw new NotFoundException(`Invalid arn ${text}`)
  }
  if (arn.region !== at.region) throw new NotFoundException(`Invalid arn ${arn.region}`)
  if (arn.resource.startsWith('alias/')) return { kind: 'alias', name: arn.resource, account: arn.account, arn: text }
  if (!arn.resource.startsWith('key/')) throw new NotFoundException(`Invalid arn ${text}`)
  const id = arn.resource.slice('key/'.length)
  if (!wellFormedId.test(id)) throw new NotFoundException(`Invalid keyId ${id}`)
  return { kind: 'key', id, account: arn.account, arn: text }
}

/** For operations on the key itself: an alias is refused before any look-up. */
export function refuseAlias(text: string): void {
  if (isAlias(text)) throw new InvalidArnException('Key Aliases are not supported for this operation.')
}

/** For the target of an alias. */
export function refuseAliasOfAlias(text: string): void {
  if (isAlias(text)) throw new ValidationException('Aliases must refer to keys. Not aliases')
}

/** What AWS demands of an alias name beyond the model's pattern (kms-api.md §8.1). */
export function demandAliasName(name: string): void {
  if (!name.startsWith('alias/') || name === 'alias/') {
    throw new ValidationException(
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    )
  }
  if (name.includes(':')) throw new ValidationException(`${name} contains invalid characters for an alias`)
  if (name.startsWith('alias/aws/')) throw new NotAuthorizedException()
}
