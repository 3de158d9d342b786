import { X509Certificate } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, account, base64, cluster, TestWorld } from '../harness/world.ts'
import { certificateFor, proxyCredential, storeInput } from '../harness/xks-proxy.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
  world.proxy.addKey('external-1')
})

type Members = Readonly<Record<string, unknown>>
const refusal = ({ status, json }: Answer) => [status, json.__type, json.message]
const create = async (input: Members): Promise<string> =>
  (await world.call('CreateCustomKeyStore', input)).json.CustomKeyStoreId
const on = (action: string, id: string, more: Members = {}) => world.call(action, { CustomKeyStoreId: id, ...more })
const described = async (id: string) => (await on('DescribeCustomKeyStores', id)).json.CustomKeyStores[0]

async function connectedStore(name = 'vault'): Promise<string> {
  const id = await create(storeInput(name))
  await on('ConnectCustomKeyStore', id)
  return id
}

const notFound = [400, 'CustomKeyStoreNotFoundException', 'Custom key store cks-00000000000000000 is not found.']
const inState = (id: string, state: string, allowed: string) => [
  400,
  'CustomKeyStoreInvalidStateException',
  `Custom key store ${id} is ${state}; this operation is valid only when it is ${allowed}.`,
]

describe('an external key store', () => {
  test('is created disconnected, with an id of its own, and described without its secret', async () => {
    const id = await create(storeInput('Vault'))
    expect(id).toMatch(/^cks-[0-9a-f]{17}$/)
    const { status, json } = await world.call('DescribeCustomKeyStores')
    expect(status).toBe(200)
    expect(json).toEqual({
      CustomKeyStores: [
        {
          CustomKeyStoreId: id,
          CustomKeyStoreName: 'Vault',
          ConnectionState: 'DISCONNECTED',
          CreationDate: world.nowMs / 1000,
          CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
          XksProxyConfiguration: {
            Connectivity: 'PUBLIC_ENDPOINT',
            AccessKeyId: proxyCredential.AccessKeyId,
            UriEndpoint: 'https://vault.proxy.example',
            UriPath: '/example/kms/xks/v1',
          },
        },
      ],
      Truncated: false,
    })
  })

  test('leaves its secret in no record, log or plain field of the store', async () => {
    await connectedStore()
    const secret = proxyCredential.RawSecretAccessKey
    expect(JSON.stringify([world.records, world.logged])).not.toContain(secret)
    expect(JSON.stringify(await world.store.keyStores.of(account))).not.toContain(secret)
  })

  test('is asked for its health when it is created and connected, and told by what', async () => {
    const id = await create(storeInput('vault'))
    await on('ConnectCustomKeyStore', id)
    expect(world.proxy.asked.map(({ path, json }) => [path, json.requestMetadata.kmsOperation])).toEqual([
      ['/example/kms/xks/v1/health', 'CreateCustomKeyStore'],
      ['/example/kms/xks/v1/health', 'ConnectCustomKeyStore'],
    ])
    expect((await described(id)).ConnectionState).toBe('CONNECTED')
  })

  test('behind a VPC endpoint service is not asked before it is connected, and belongs to the caller unless told', async () => {
    const service = 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0'
    const vpc = { XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE', XksProxyVpcEndpointServiceName: service }
    const id = await create(storeInput('vpc', vpc))
    expect(world.proxy.asked).toEqual([])
    expect((await described(id)).XksProxyConfiguration).toMatchObject({
      VpcEndpointServiceName: service,
      VpcEndpointServiceOwner: account,
    })
    const again = storeInput('other', { ...vpc, XksProxyVpcEndpointServiceOwner: '111122223333' })
    expect(refusal(await world.call('CreateCustomKeyStore', again))).toEqual([
      400,
      'XksProxyVpcEndpointServiceInUseException',
      `${service} is in use by another external key store.`,
    ])
  })

  const secretOf = (length: number) =>
    'abcdefghijklmnopqrstuvwxyz0123456789/+=ABCDEFGHIJKLMNOPQRSTUVWXYZ'.slice(0, length)
  test.each([43, 60, 61, 64])('is signed for with a secret of %i characters', async (length) => {
    const RawSecretAccessKey = secretOf(length)
    world.proxy.secret = RawSecretAccessKey
    const credential = { XksProxyAuthenticationCredential: { ...proxyCredential, RawSecretAccessKey } }
    const { status } = await world.call('CreateCustomKeyStore', storeInput('vault', credential))
    expect(status).toBe(200)
  })

  test.each([
    ['a wrong secret', 401, 'XksProxyIncorrectAuthenticationCredentialException', /could not authenticate AWS KMS/],
    ['a wrong path', 404, 'XksProxyInvalidConfigurationException', /because of an invalid URI path/],
    [
      'no manager at work',
      200,
      'XksProxyUriUnreachableException',
      /all external key manager instances are unavailable/,
    ],
  ])('is not created with %s', async (what, _, type, message) => {
    if (what === 'a wrong secret') world.proxy.secret = 'x'.repeat(43)
    if (what === 'no manager at work') world.proxy.health = ['UNAVAILABLE', 'UNAVAILABLE']
    const more = what === 'a wrong path' ? { XksProxyUriPath: '/wrong/kms/xks/v1' } : {}
    const { status, json } = await world.call('CreateCustomKeyStore', storeInput('vault', more))
    expect([status, json.__type]).toEqual([400, type])
    expect(json.message).toMatch(message)
    expect((await world.call('DescribeCustomKeyStores')).json.CustomKeyStores).toEqual([])
  })

  test('with one manager of two at work is created', async () => {
    world.proxy.health = ['UNAVAILABLE', 'DEGRADED']
    expect(await create(storeInput('vault'))).toMatch(/^cks-/)
  })

  test('whose path has an empty segment is refused before anything is sent', async () => {
    const input = storeInput('vault', { XksProxyUriPath: '/a//kms/xks/v1' })
    const { json } = await world.call('CreateCustomKeyStore', input)
    expect(json.__type).toBe('XksProxyInvalidConfigurationException')
    expect(json.message).toMatch(/because of an invalid URI path/)
    expect(world.proxy.asked).toEqual([])
  })
})

describe('creating a store', () => {
  let trustAnchor: string
  beforeAll(() => {
    trustAnchor = certificateFor('cluster.example').cert
  })
  const clusterInput = (more: Members = {}) => ({
    CustomKeyStoreName: 'hsm',
    CloudHsmClusterId: cluster,
    TrustAnchorCertificate: trustAnchor,
    KeyStorePassword: 'kmsPswd1',
    ...more,
  })

  test('of a CloudHSM cluster describes its cluster and certificate, and keeps its password to itself', async () => {
    const id = await create(clusterInput())
    expect(await described(id)).toEqual({
      CustomKeyStoreId: id,
      CustomKeyStoreName: 'hsm',
      CloudHsmClusterId: cluster,
      TrustAnchorCertificate: trustAnchor,
      ConnectionState: 'DISCONNECTED',
      CreationDate: world.nowMs / 1000,
      CustomKeyStoreType: 'AWS_CLOUDHSM',
    })
    const { stores } = await world.store.keyStores.of(account)
    expect(stores[0]?.cluster?.password.blob).toHaveLength(32)
    expect(JSON.stringify([world.records, world.logged, stores])).not.toContain('kmsPswd1')
  })

  test('of a cluster that is not configured is refused', async () => {
    const input = clusterInput({ CloudHsmClusterId: 'cluster-abcdefghijk' })
    expect(refusal(await world.call('CreateCustomKeyStore', input))).toEqual([
      400,
      'CloudHsmClusterNotFoundException',
      'CloudHSM cluster cluster-abcdefghijk is not found.',
    ])
  })

  test('with what is no certificate is refused', async () => {
    expect(() => new X509Certificate(trustAnchor)).not.toThrow()
    const input = clusterInput({ TrustAnchorCertificate: 'no certificate' })
    expect(refusal(await world.call('CreateCustomKeyStore', input))).toEqual([
      400,
      'IncorrectTrustAnchorException',
      'The trust anchor certificate is not an X.509 certificate in PEM form.',
    ])
  })

  test('asks for the members of its type, and refuses those of the other', async () => {
    const external = Object.keys(storeInput('x')).filter((member) => member.startsWith('XksProxy'))
    for (const member of external) {
      const answer = await world.call('CreateCustomKeyStore', { ...storeInput('x'), [member]: undefined })
      const text = `${member} is required for a custom key store of type EXTERNAL_KEY_STORE.`
      expect(refusal(answer)).toEqual([400, 'ValidationException', text])
      const wrong = await world.call(
        'CreateCustomKeyStore',
        clusterInput({ [member]: storeInput('x')[member as 'XksProxyUriPath'] }),
      )
      const refused = `${member} is not valid for a custom key store of type AWS_CLOUDHSM.`
      expect(refusal(wrong)).toEqual([400, 'ValidationException', refused])
    }
    for (const member of ['CloudHsmClusterId', 'TrustAnchorCertificate', 'KeyStorePassword'] as const) {
      const answer = await world.call('CreateCustomKeyStore', clusterInput({ [member]: undefined }))
      const text = `${member} is required for a custom key store of type AWS_CLOUDHSM.`
      expect(refusal(answer)).toEqual([400, 'ValidationException', text])
      const wrong = await world.call('CreateCustomKeyStore', storeInput('x', { [member]: clusterInput()[member] }))
      const refused = `${member} is not valid for a custom key store of type EXTERNAL_KEY_STORE.`
      expect(refusal(wrong)).toEqual([400, 'ValidationException', refused])
    }
  })

  test('asks for a VPC endpoint service where there is one, and only there', async () => {
    const without = storeInput('x', { XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE' })
    expect(refusal(await world.call('CreateCustomKeyStore', without))).toEqual([
      400,
      'ValidationException',
      'XksProxyVpcEndpointServiceName is required for XksProxyConnectivity VPC_ENDPOINT_SERVICE.',
    ])
    const owned = storeInput('x', { XksProxyVpcEndpointServiceOwner: '111122223333' })
    expect(refusal(await world.call('CreateCustomKeyStore', owned))).toEqual([
      400,
      'ValidationException',
      'XksProxyVpcEndpointServiceOwner is valid only with XksProxyConnectivity VPC_ENDPOINT_SERVICE.',
    ])
  })

  test('refuses a name, a cluster, a proxy address and a private endpoint that another store has', async () => {
    await create(clusterInput())
    await create(storeInput('public'))
    const service = (digit: number) => ({
      XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE',
      XksProxyVpcEndpointServiceName: `com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef${digit}`,
    })
    const endpoint = { XksProxyUriEndpoint: 'https://PUBLIC.proxy.example' }
    const cases: [Members, string, string][] = [
      [storeInput('hsm'), 'CustomKeyStoreNameInUseException', 'The custom key store name hsm is in use.'],
      [
        clusterInput({ CustomKeyStoreName: 'other' }),
        'CloudHsmClusterInUseException',
        `CloudHSM cluster ${cluster} is in use by another custom key store.`,
      ],
      [
        storeInput('other', endpoint),
        'XksProxyUriInUseException',
        'https://PUBLIC.proxy.example/example/kms/xks/v1 is in use by another external key store.',
      ],
      [
        storeInput('other', { ...endpoint, ...service(0), XksProxyUriPath: '/other/kms/xks/v1' }),
        'XksProxyUriEndpointInUseException',
        'https://PUBLIC.proxy.example is in use by another external key store.',
      ],
    ]
    for (const [input, type, message] of cases) {
      expect(refusal(await world.call('CreateCustomKeyStore', input))).toEqual([400, type, message])
    }
  })

  test('takes ten in an account, and gives each of them in pages', async () => {
    const ids: string[] = []
    for (let n = 0; n < 10; n++) ids.push(await create(storeInput(`vault-${n}`)))
    expect(refusal(await world.call('CreateCustomKeyStore', storeInput('vault-10')))).toEqual([
      400,
      'LimitExceededException',
      'You have reached the limit of 10 custom key stores in this account.',
    ])
    const listed: string[] = []
    for (let marker: string | undefined; ; ) {
      const { json } = await world.call('DescribeCustomKeyStores', { Limit: 4, Marker: marker })
      listed.push(...json.CustomKeyStores.map((each: { CustomKeyStoreId: string }) => each.CustomKeyStoreId))
      marker = json.NextMarker
      expect(json.Truncated).toBe(marker !== undefined)
      if (marker === undefined) break
    }
    expect(listed).toEqual(ids.toSorted())
  })

  test('by two at once under one name lets one of them have it', async () => {
    const inputs = [storeInput('same'), storeInput('same', { XksProxyUriEndpoint: 'https://second.example' })]
    const answers = await Promise.all(inputs.map((input) => world.call('CreateCustomKeyStore', input)))
    expect(answers.map(({ json }) => json.__type).toSorted()).toEqual(['CustomKeyStoreNameInUseException', undefined])
    expect((await world.call('DescribeCustomKeyStores')).json.CustomKeyStores).toHaveLength(1)
  })
})

describe('describing stores', () => {
  test('finds one by id or by name, not by both', async () => {
    const id = await create(storeInput('vault'))
    await create(storeInput('other'))
    for (const input of [{ CustomKeyStoreId: id }, { CustomKeyStoreName: 'vault' }]) {
      const { json } = await world.call('DescribeCustomKeyStores', input)
      expect(json.CustomKeyStores.map((each: Members) => each.CustomKeyStoreId)).toEqual([id])
    }
    const both = await on('DescribeCustomKeyStores', id, { CustomKeyStoreName: 'vault' })
    expect(refusal(both)).toEqual([
      400,
      'ValidationException',
      'You can specify either CustomKeyStoreId or CustomKeyStoreName, but not both.',
    ])
  })

  test('refuses a name that no store has, a marker of another list, and those of another account', async () => {
    const id = await create(storeInput('vault'))
    const unknown = await world.call('DescribeCustomKeyStores', { CustomKeyStoreName: 'none' })
    expect(refusal(unknown)).toEqual([400, 'CustomKeyStoreNotFoundException', 'Custom key store none is not found.'])
    const marked = await world.call('DescribeCustomKeyStores', { Marker: 'YTphbGlhcy94' })
    expect(refusal(marked)).toEqual([400, 'InvalidMarkerException', undefined])
    const stranger = {
      accessKeyId: 'AKIASTRANGERSTRANGER',
      secretAccessKey: 'another-secret-for-tests-guarding-nothin',
    }
    await world.addRoot('999999999999', stranger)
    const foreign = await world.call('DescribeCustomKeyStores', { CustomKeyStoreId: id }, stranger)
    expect(foreign.json.__type).toBe('CustomKeyStoreNotFoundException')
    expect((await world.call('DescribeCustomKeyStores', {}, stranger)).json.CustomKeyStores).toEqual([])
  })
})

describe('the connection of a store', () => {
  test.each(['ConnectCustomKeyStore', 'DisconnectCustomKeyStore', 'DeleteCustomKeyStore'])(
    '%s refuses an id that no store has',
    async (action) => {
      expect(refusal(await on(action, 'cks-00000000000000000'))).toEqual(notFound)
    },
  )

  test('is made again while it stands, and ended once', async () => {
    const id = await connectedStore()
    expect((await on('ConnectCustomKeyStore', id)).status).toBe(200)
    expect((await on('DisconnectCustomKeyStore', id)).status).toBe(200)
    expect(refusal(await on('DisconnectCustomKeyStore', id))).toEqual(
      inState(id, 'DISCONNECTED', 'CONNECTED or CONNECTING or FAILED'),
    )
  })

  test.each<[string, Partial<TestWorld['proxy']>]>([
    ['INVALID_CREDENTIALS', { secret: 'x'.repeat(43) }],
    ['XKS_PROXY_NOT_REACHABLE', { health: ['UNAVAILABLE'] }],
    ['XKS_PROXY_INVALID_RESPONSE', { fault: () => ({ status: 200, body: Buffer.from('no JSON') }) }],
  ])('that fails says %s until it is disconnected, and can then be made', async (code, spoilt) => {
    const id = await create(storeInput('vault'))
    Object.assign(world.proxy, spoilt)
    expect((await on('ConnectCustomKeyStore', id)).json).toEqual({})
    expect(await described(id)).toMatchObject({ ConnectionState: 'FAILED', ConnectionErrorCode: code })
    expect(refusal(await on('ConnectCustomKeyStore', id))).toEqual(
      inState(id, 'FAILED', 'CONNECTED or CONNECTING or DISCONNECTED'),
    )
    await on('DisconnectCustomKeyStore', id)
    world.proxy.secret = proxyCredential.RawSecretAccessKey
    world.proxy.health = ['ACTIVE']
    world.proxy.fault = undefined
    await on('ConnectCustomKeyStore', id)
    expect(await described(id)).toMatchObject({ ConnectionState: 'CONNECTED' })
    expect(await described(id)).not.toHaveProperty('ConnectionErrorCode')
  })
})

describe('updating a store', () => {
  test('changes name, path and credential while it is connected, and signs with the new secret at once', async () => {
    const id = await connectedStore()
    expect((await on('UpdateCustomKeyStore', id, { NewCustomKeyStoreName: 'renamed' })).status).toBe(200)
    expect(await described(id)).toMatchObject({ CustomKeyStoreName: 'renamed', ConnectionState: 'CONNECTED' })
    const RawSecretAccessKey = `${proxyCredential.RawSecretAccessKey}0`
    world.proxy.secret = RawSecretAccessKey
    const credential = { ...proxyCredential, RawSecretAccessKey }
    const changed = await on('UpdateCustomKeyStore', id, { XksProxyAuthenticationCredential: credential })
    expect([changed.status, changed.json]).toEqual([200, {}])
    const old = await on('UpdateCustomKeyStore', id, { XksProxyAuthenticationCredential: proxyCredential })
    expect(old.json.__type).toBe('XksProxyIncorrectAuthenticationCredentialException')
  })

  test('changes the endpoint of a disconnected store only', async () => {
    const id = await connectedStore()
    const endpoint = { XksProxyUriEndpoint: 'https://elsewhere.example' }
    expect(refusal(await on('UpdateCustomKeyStore', id, endpoint))).toEqual(inState(id, 'CONNECTED', 'DISCONNECTED'))
    await on('DisconnectCustomKeyStore', id)
    expect((await on('UpdateCustomKeyStore', id, endpoint)).status).toBe(200)
    expect((await described(id)).XksProxyConfiguration.UriEndpoint).toBe('https://elsewhere.example')
  })

  test('goes from a public endpoint to a VPC endpoint service and back, each with another endpoint', async () => {
    const id = await create(storeInput('vault'))
    const name = 'com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0'
    const vpc = { XksProxyConnectivity: 'VPC_ENDPOINT_SERVICE', XksProxyVpcEndpointServiceName: name }
    expect(refusal(await on('UpdateCustomKeyStore', id, vpc))).toEqual([
      400,
      'ValidationException',
      'XksProxyUriEndpoint must change when XksProxyConnectivity changes.',
    ])
    await on('UpdateCustomKeyStore', id, { ...vpc, XksProxyUriEndpoint: 'https://private.example' })
    expect((await described(id)).XksProxyConfiguration).toMatchObject({
      Connectivity: 'VPC_ENDPOINT_SERVICE',
      VpcEndpointServiceName: name,
    })
    await on('UpdateCustomKeyStore', id, {
      XksProxyConnectivity: 'PUBLIC_ENDPOINT',
      XksProxyUriEndpoint: 'https://public.example',
      XksProxyVpcEndpointServiceName: '',
    })
    const back = (await described(id)).XksProxyConfiguration
    expect(back).toMatchObject({ Connectivity: 'PUBLIC_ENDPOINT', UriEndpoint: 'https://public.example' })
    expect(back).not.toHaveProperty('VpcEndpointServiceName')
  })

  test('refuses nothing to change, members of the other type, and a name that is taken', async () => {
    const id = await create(storeInput('vault'))
    await create(storeInput('other'))
    const cases: [Members, string, string][] = [
      [{}, 'ValidationException', 'Specify at least one property of the custom key store to change.'],
      [
        { KeyStorePassword: 'kmsPswd1' },
        'ValidationException',
        'KeyStorePassword is not valid for a custom key store of type EXTERNAL_KEY_STORE.',
      ],
      [
        { NewCustomKeyStoreName: 'other' },
        'CustomKeyStoreNameInUseException',
        'The custom key store name other is in use.',
      ],
    ]
    for (const [input, type, message] of cases) {
      expect(refusal(await on('UpdateCustomKeyStore', id, input))).toEqual([400, type, message])
    }
    const none = await on('UpdateCustomKeyStore', 'cks-00000000000000000', { NewCustomKeyStoreName: 'new' })
    expect(refusal(none)).toEqual(notFound)
  })
})

describe('a key in an external key store', () => {
  const keyInput = (id: string, externalKeyId = 'external-1') => ({
    Origin: 'EXTERNAL_KEY_STORE',
    CustomKeyStoreId: id,
    XksKeyId: externalKeyId,
  })
  const context = { EncryptionContext: { team: 'red' } }
  const encrypted = (KeyId: string) => world.call('Encrypt', { KeyId, Plaintext: base64('plaintext'), ...context })

  test('is described with its store and its external key', async () => {
    const id = await connectedStore()
    const { KeyId, ...metadata } = (await world.call('CreateKey', keyInput(id))).json.KeyMetadata
    expect(KeyId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(metadata).toMatchObject({
      Origin: 'EXTERNAL_KEY_STORE',
      CustomKeyStoreId: id,
      XksKeyConfiguration: { Id: 'external-1' },
      KeyState: 'Enabled',
      Enabled: true,
      KeySpec: 'SYMMETRIC_DEFAULT',
    })
    expect(metadata).not.toHaveProperty('CurrentKeyMaterialId')
    expect((await world.call('DescribeKey', { KeyId })).json.KeyMetadata).toEqual({ KeyId, ...metadata })
  })

  test('encrypts twice: the external key sees no plaintext, and the blob opens with both keys alone', async () => {
    const { KeyId, Arn } = await world.key(keyInput(await connectedStore()))
    const { status, json } = await encrypted(KeyId)
    expect(status).toBe(200)
    const call = world.proxy.asked.at(-1)?.json
    expect(Buffer.from(call.plaintext, 'base64').includes('plaintext')).toBe(false)
    expect(call.requestMetadata).toMatchObject({
      awsPrincipalArn: `arn:aws:iam::${account}:root`,
      kmsKeyArn: Arn,
      kmsOperation: 'Encrypt',
    })
    const opened = await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob, ...context })
    expect(world.records.at(-1)?.additionalEventData).toMatchObject({
      customKeyStoreId: expect.stringMatching(/^cks-/),
      xksKeyId: 'external-1',
    })
    expect(Buffer.from(opened.json.Plaintext, 'base64').toString()).toBe('plaintext')
    expect(opened.json.KeyId).toBe(Arn)
  })

  test('keeps the metadata that its proxy gives with a ciphertext, and takes the largest plaintext there is', async () => {
    world.proxy.metadata = Buffer.from('key_version=1')
    const { KeyId } = await world.key(keyInput(await connectedStore()))
    const Plaintext = base64('x'.repeat(4096))
    const { json } = await world.call('Encrypt', { KeyId, Plaintext })
    const opened = await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob })
    expect(opened.json.Plaintext).toBe(Plaintext)
    expect(world.proxy.asked.at(-1)?.json.ciphertextMetadata).toBe(base64('key_version=1'))
  })

  test('makes data keys, and takes part in ReEncrypt on either side', async () => {
    const external = await world.key(keyInput(await connectedStore()))
    const own = await world.key()
    const dataKey = (await world.call('GenerateDataKey', { KeyId: external.KeyId, KeySpec: 'AES_256' })).json
    const away = await world.call('ReEncrypt', { CiphertextBlob: dataKey.CiphertextBlob, DestinationKeyId: own.KeyId })
    const back = await world.call('ReEncrypt', {
      CiphertextBlob: away.json.CiphertextBlob,
      DestinationKeyId: external.KeyId,
    })
    expect(back.json.KeyId).toBe(external.Arn)
    const opened = await world.call('Decrypt', { CiphertextBlob: back.json.CiphertextBlob })
    expect(opened.json.Plaintext).toBe(dataKey.Plaintext)
  })

  test('does not open under another context, or with a bit changed anywhere in the blob', async () => {
    const { KeyId } = await world.key(keyInput(await connectedStore()))
    const blob = Buffer.from((await encrypted(KeyId)).json.CiphertextBlob, 'base64')
    const other = await world.call('Decrypt', { CiphertextBlob: base64(blob), EncryptionContext: { team: 'blue' } })
    const rejected =
      'The external key store proxy rejected the request because the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid.'
    expect(refusal(other)).toEqual([400, 'KMSInvalidStateException', rejected])
    for (let at = 0; at < blob.length; at += 3) {
      const changed = Buffer.from(blob)
      changed[at] = (changed[at] ?? 0) ^ 1
      const { status, json } = await world.call('Decrypt', { KeyId, CiphertextBlob: base64(changed), ...context })
      expect([at, status]).toEqual([at, 400])
      expect(['InvalidCiphertextException', 'IncorrectKeyException', 'KMSInvalidStateException']).toContain(json.__type)
    }
  })

  test('does not open what the external key manager has seen, without the external key', async () => {
    const { KeyId } = await world.key(keyInput(await connectedStore()))
    await encrypted(KeyId)
    const CiphertextBlob = world.proxy.asked.at(-1)?.json.plaintext
    const answer = await world.call('Decrypt', { CiphertextBlob, ...context })
    expect(refusal(answer)).toEqual([400, 'InvalidCiphertextException', undefined])
  })

  test('does not open what its proxy opened wrongly', async () => {
    const { KeyId } = await world.key(keyInput(await connectedStore()))
    const { CiphertextBlob } = (await encrypted(KeyId)).json
    world.proxy.fault = (path, proper) => {
      if (!path.endsWith('/decrypt')) return undefined
      const { plaintext } = JSON.parse(Buffer.from(proper().body).toString())
      const wrong = Buffer.from(plaintext, 'base64').reverse()
      return { status: 200, body: Buffer.from(JSON.stringify({ plaintext: base64(wrong) })) }
    }
    expect(refusal(await world.call('Decrypt', { CiphertextBlob, ...context }))).toEqual([
      400,
      'KMSInvalidStateException',
      'The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is corrupted, missing, or otherwise invalid.',
    ])
  })

  test('refuses a blob of the other kind under its name, and gives none away', async () => {
    const external = await world.key(keyInput(await connectedStore()))
    const own = await world.key()
    const blobs = [
      (await encrypted(external.KeyId)).json.CiphertextBlob,
      (await encrypted(own.KeyId)).json.CiphertextBlob,
    ]
    for (const blob of blobs) {
      const changed = Buffer.from(blob, 'base64')
      changed[0] = changed[0] === 1 ? 2 : 1
      const answer = await world.call('Decrypt', { CiphertextBlob: base64(changed), ...context })
      expect(refusal(answer)).toEqual([400, 'InvalidCiphertextException', undefined])
    }
  })

  test('is Unavailable while its store is disconnected, whatever is done to it then, and mended by connecting', async () => {
    const id = await connectedStore()
    const { KeyId, Arn } = await world.key(keyInput(id))
    const { CiphertextBlob } = (await encrypted(KeyId)).json
    await on('DisconnectCustomKeyStore', id)
    const state = async () => (await world.call('DescribeKey', { KeyId })).json.KeyMetadata
    expect(await state()).toMatchObject({ KeyState: 'Unavailable', Enabled: false })
    for (const [action, input] of [
      ['Encrypt', { KeyId, Plaintext: base64('x') }],
      ['Decrypt', { CiphertextBlob, ...context }],
      ['GenerateDataKey', { KeyId, KeySpec: 'AES_256' }],
    ] as const) {
      expect(refusal(await world.call(action, input))).toEqual([
        400,
        'KMSInvalidStateException',
        `${Arn} is unavailable.`,
      ])
    }
    expect((await world.call('UpdateKeyDescription', { KeyId, Description: 'while away' })).status).toBe(200)
    expect((await world.call('DisableKey', { KeyId })).status).toBe(200)
    expect(await state()).toMatchObject({ KeyState: 'Unavailable', Description: 'while away' })
    await on('ConnectCustomKeyStore', id)
    expect(await state()).toMatchObject({ KeyState: 'Disabled' })
    await world.call('EnableKey', { KeyId })
    expect((await world.call('Decrypt', { CiphertextBlob, ...context })).json.Plaintext).toBe(base64('plaintext'))
  })

  test('is of one external key alone, and of none that another key of the store has, even when two are made at once', async () => {
    const id = await connectedStore()
    const answers = await Promise.all([1, 2, 3].map(() => world.call('CreateKey', keyInput(id))))
    const inUse = [400, 'XksKeyAlreadyInUseException', 'The external key external-1 is in use by another KMS key.']
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(refusal(answer)).toEqual(inUse)
    const other = await connectedStore('other')
    expect((await world.call('CreateKey', keyInput(other))).status).toBe(200)
  })

  test.each([
    [
      { spec: 'AES_128' },
      'The key spec of the external key must be AES_256. The key spec of specified external key is AES_128.',
    ],
    [
      { status: 'DISABLED' },
      'The status of the external key must be ENABLED. The status of specified external key is DISABLED.',
    ],
    [
      { usages: ['ENCRYPT', 'SIGN'] },
      'The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key is ENCRYPT, SIGN.',
    ],
  ])('is not made of an external key with %j', async (given, message) => {
    world.proxy.addKey('unfit', given)
    const answer = await world.call('CreateKey', keyInput(await connectedStore(), 'unfit'))
    expect(refusal(answer)).toEqual([400, 'XksKeyInvalidConfigurationException', message])
  })

  test.each(['unknown', '.', '..'])('is not made of an external key that is not there: %s', async (externalKeyId) => {
    const answer = await world.call('CreateKey', keyInput(await connectedStore(), externalKeyId))
    expect(refusal(answer)).toEqual([
      400,
      'XksKeyNotFoundException',
      'The external key store proxy rejected the request because it could not find the external key.',
    ])
    expect((await world.call('ListKeys')).json.Keys).toEqual([])
  })

  test('is not made in a store that is not connected, or that there is not', async () => {
    const id = await create(storeInput('vault'))
    expect(refusal(await world.call('CreateKey', keyInput(id)))).toEqual(inState(id, 'DISCONNECTED', 'CONNECTED'))
    expect(refusal(await world.call('CreateKey', keyInput('cks-00000000000000000')))).toEqual(notFound)
  })

  test('is asked for with its store and external key, as a symmetric key, and nothing else', async () => {
    const id = await connectedStore()
    const cases: [Members, string][] = [
      [
        { Origin: 'EXTERNAL_KEY_STORE', XksKeyId: 'x' },
        'CustomKeyStoreId is required when Origin is EXTERNAL_KEY_STORE.',
      ],
      [
        { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: id },
        'XksKeyId is required when Origin is EXTERNAL_KEY_STORE.',
      ],
      [{ XksKeyId: 'x' }, 'XksKeyId can only be specified when Origin is EXTERNAL_KEY_STORE.'],
      [
        { CustomKeyStoreId: id },
        'CustomKeyStoreId can only be specified when Origin is AWS_CLOUDHSM or EXTERNAL_KEY_STORE.',
      ],
      [
        { ...keyInput(id), KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
        'KeySpec RSA_2048 is not supported for Origin EXTERNAL_KEY_STORE',
      ],
      [
        { Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: id },
        `Origin AWS_CLOUDHSM is not valid for custom key store ${id}.`,
      ],
    ]
    for (const [input, message] of cases) {
      expect(refusal(await world.call('CreateKey', input))).toEqual([400, 'ValidationException', message])
    }
    const random = await world.call('GenerateRandom', { NumberOfBytes: 8, CustomKeyStoreId: id })
    expect(refusal(random)).toEqual([
      400,
      'UnsupportedOperationException',
      `Custom key store ${id} is an external key store.`,
    ])
  })

  test('has no rotation, no further versions and no data key pairs, connected or not', async () => {
    const id = await connectedStore()
    const { KeyId, Arn } = await world.key(keyInput(id))
    const refused = [
      400,
      'UnsupportedOperationException',
      `${Arn} origin is EXTERNAL_KEY_STORE which is not valid for this operation.`,
    ]
    const calls = [
      ['EnableKeyRotation', {}],
      ['DisableKeyRotation', {}],
      ['GetKeyRotationStatus', {}],
      ['ListKeyRotations', {}],
      ['RotateKeyOnDemand', {}],
      ['CreateKeyVersion', {}],
      ['GenerateDataKeyPair', { KeyPairSpec: 'ECC_NIST_P256' }],
      ['GenerateDataKeyPairWithoutPlaintext', { KeyPairSpec: 'ECC_NIST_P256' }],
    ] as const
    const answers = async () =>
      Promise.all(calls.map(async ([action, more]) => [action, refusal(await world.call(action, { KeyId, ...more }))]))
    const expected = calls.map(([action]) => [action, refused])
    expect(await answers()).toEqual(expected)
    await on('DisconnectCustomKeyStore', id)
    expect(await answers()).toEqual(expected)
  })

  test('keeps its store from being deleted, in whatever state it is', async () => {
    const id = await connectedStore()
    const { KeyId } = await world.key(keyInput(id))
    expect(refusal(await on('DeleteCustomKeyStore', id))).toEqual(inState(id, 'CONNECTED', 'DISCONNECTED'))
    await world.call('ScheduleKeyDeletion', { KeyId })
    await on('DisconnectCustomKeyStore', id)
    expect(refusal(await on('DeleteCustomKeyStore', id))).toEqual([
      400,
      'CustomKeyStoreHasCMKsException',
      `Custom key store ${id} contains KMS keys.`,
    ])
    const empty = await create(storeInput('empty'))
    expect((await on('DeleteCustomKeyStore', empty)).json).toEqual({})
    expect(refusal(await on('DeleteCustomKeyStore', empty))[1]).toBe('CustomKeyStoreNotFoundException')
  })

  const lasting = (status: number, errorName: string) => () => ({
    status,
    body: Buffer.from(JSON.stringify({ errorName, errorMessage: 'never repeated' })),
  })
  test.each([
    ['AccessDeniedException', 403, 'CustomKeyStoreInvalidStateException', /denied access to the operation/],
    ['AuthenticationFailedException', 401, 'CustomKeyStoreInvalidStateException', /could not authenticate AWS KMS/],
    ['DependencyTimeoutException', 503, 'CustomKeyStoreInvalidStateException', /in the time allotted/],
    [
      'InternalException',
      500,
      'CustomKeyStoreInvalidStateException',
      /cannot communicate with the external key manager/,
    ],
    [
      'InvalidKeyUsageException',
      400,
      'XksKeyInvalidConfigurationException',
      /does not support the requested operation/,
    ],
    ['InvalidStateException', 400, 'XksKeyInvalidConfigurationException', /is not enabled in the external key manager/],
    ['InvalidUriPathException', 404, 'CustomKeyStoreInvalidStateException', /because of an invalid URI path/],
    ['KeyNotFoundException', 404, 'XksKeyNotFoundException', /could not find the external key/],
    ['ThrottlingException', 429, 'CustomKeyStoreInvalidStateException', /due to a very high request rate/],
    ['UnsupportedOperationException', 501, 'CustomKeyStoreInvalidStateException', /requested cryptographic operation/],
    ['ValidationException', 400, 'CustomKeyStoreInvalidStateException', /cannot interpret the response/],
    ['constructor', 400, 'CustomKeyStoreInvalidStateException', /cannot interpret the response/],
  ])('answers %s of its proxy in AWS’s words, at its creation and at its use', async (name, status, type, message) => {
    const id = await connectedStore()
    const { KeyId } = await world.key(keyInput(id))
    world.proxy.addKey('external-2')
    world.proxy.fault = lasting(status, name)
    const creation = await world.call('CreateKey', keyInput(id, 'external-2'))
    const use = await encrypted(KeyId)
    expect([creation.status, creation.json.__type]).toEqual([400, type])
    expect([use.status, use.json.__type]).toEqual([400, 'KMSInvalidStateException'])
    expect(use.json.message).toMatch(message)
    expect(creation.json.message).toBe(use.json.message)
    expect(JSON.stringify([use.json, world.records])).not.toContain('never repeated')
  })
})
