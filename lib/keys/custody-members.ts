import type { KeyOrigin, KeySpec } from '../crypto/specs.ts'
import { ValidationException } from '../errors.ts'

interface CreationInput {
  readonly Origin: KeyOrigin
  readonly CustomKeyStoreId?: string | undefined
  readonly XksKeyId?: string | undefined
}

const storeOrigins: readonly KeyOrigin[] = ['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']

/** @throws ValidationException unless the members of a key in a custom key store are together (kms-api.md §1.3) */
export function demandCustodyMembers(input: CreationInput, spec: KeySpec): void {
  const { Origin: origin, CustomKeyStoreId: storeId, XksKeyId: externalKeyId } = input
  const external = origin === 'EXTERNAL_KEY_STORE'
  const inStore = storeOrigins.includes(origin)
  if (inStore !== (storeId !== undefined)) {
    throw new ValidationException(
      inStore
        ? `CustomKeyStoreId is required when Origin is ${origin}.`
        : 'CustomKeyStoreId can only be specified when Origin is AWS_CLOUDHSM or EXTERNAL_KEY_STORE.',
    )
  }
  if (external !== (externalKeyId !== undefined)) {
    throw new ValidationException(
      external
        ? 'XksKeyId is required when Origin is EXTERNAL_KEY_STORE.'
        : 'XksKeyId can only be specified when Origin is EXTERNAL_KEY_STORE.',
    )
  }
  if (inStore && spec !== 'SYMMETRIC_DEFAULT') {
    throw new ValidationException(`KeySpec ${spec} is not supported for Origin ${origin}`)
  }
}
