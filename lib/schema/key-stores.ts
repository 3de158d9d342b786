/** The members of the custom key store operations (kms-api.md §1.3, §9). */
import { list, struct } from './collections.ts'
import { customKeyStoreId } from './members.ts'
import { oneOf, string, timestamp } from './scalars.ts'
import { required } from './shape.ts'

export const keyStoreName = string({ min: 1, max: 256 })
export const clusterId = string({ min: 19, max: 24, pattern: '^cluster-[2-7a-zA-Z]{11,16}$' })
export const trustAnchor = string({ min: 1, max: 5000 })
export const keyStorePassword = string({ min: 7, max: 32, sensitive: true })
export const keyStoreType = oneOf(['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'])

const accessKeyId = string({ min: 20, max: 30, pattern: '^[A-Z2-7]+$', sensitive: true })

export const proxyConnectivity = oneOf(['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'])
export const proxyEndpoint = string({ min: 10, max: 128, pattern: '^https://[a-zA-Z0-9.-]+$' })
export const proxyPath = string({
  min: 10,
  max: 128,
  pattern: '^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$',
})
const serviceName = '^com\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$'
export const proxyService = string({ min: 20, max: 64, pattern: serviceName })
/** In an update, empty takes it away. */
export const proxyServiceOrNone = string({ max: 64, pattern: `^$|${serviceName}` })
export const proxyServiceOwner = string({ min: 12, max: 12, pattern: '^[0-9]{12}$' })
export const proxyCredential = struct({
  AccessKeyId: required(accessKeyId),
  RawSecretAccessKey: required(string({ min: 43, max: 64, pattern: '^[a-zA-Z0-9\\/+=]+$', sensitive: true })),
})

export const keyStoreEntry = struct({
  CustomKeyStoreId: customKeyStoreId,
  CustomKeyStoreName: keyStoreName,
  CloudHsmClusterId: clusterId,
  TrustAnchorCertificate: trustAnchor,
  ConnectionState: string(),
  ConnectionErrorCode: string(),
  CreationDate: timestamp,
  CustomKeyStoreType: string(),
  XksProxyConfiguration: struct({
    Connectivity: string(),
    AccessKeyId: accessKeyId,
    UriEndpoint: string(),
    UriPath: string(),
    VpcEndpointServiceName: string(),
    VpcEndpointServiceOwner: string(),
  }),
})
export const keyStoreEntries = list(keyStoreEntry)
