import { describe, expect, it } from 'vitest'
import { isLost, Pkcs11Failure } from '../../../lib/hsm/failures.ts'
import { call, mechanismList, template } from '../../../lib/hsm/pkcs11.ts'

describe('a template', () => {
  it('takes booleans, numbers, text and bytes', () => {
    expect(template({ token: false, valueLength: 32, label: 'x', value: Buffer.of(1) })).toEqual([
      { type: 0x1, value: false },
      { type: 0x161, value: 32 },
      { type: 0x3, value: 'x' },
      { type: 0x11, value: Buffer.of(1) },
    ])
  })

  it.each([
    ['a misspelt attribute', { extractible: true }],
    ['a bigint', { valueLength: 32n }],
    ['nothing', { token: undefined }],
    ['bytes that are no Buffer', { value: new Uint8Array(1) }],
  ])('refuses %s, which would abort the process', (_title, values) => {
    expect(() => template(values as Parameters<typeof template>[0])).toThrow(TypeError)
  })
})

describe('a failed call', () => {
  it.each([
    ['with its code in a member', Object.assign(new Error('CKR_X'), { code: 0x82 })],
    ['with its code in the text alone', new Error('CKR_OBJECT_HANDLE_INVALID:130')],
  ])('is known %s', (_title, thrown) => {
    const failing = () =>
      call('C_CopyObject', () => {
        throw thrown
      })
    expect(failing).toThrow(new Pkcs11Failure('C_CopyObject', 0x82))
    expect(failing).toThrow('C_CopyObject answered 0x82')
  })

  it('that the token did not answer stays what it was', () => {
    const mistake = new TypeError('not a handle')
    const failing = () =>
      call('C_CopyObject', () => {
        throw mistake
      })
    expect(failing).toThrow(mistake)
  })

  it('of a lost session calls for another login, a wrong PIN does not', () => {
    expect(isLost(new Pkcs11Failure('C_EncryptInit', 0xb3))).toBe(true)
    expect(isLost(new Pkcs11Failure('C_Login', 0xa0))).toBe(false)
    expect(isLost(new Error('CKR_SESSION_HANDLE_INVALID:179'))).toBe(false)
  })
})

describe('a list of mechanisms', () => {
  it('is an array of 64-bit numbers', () => {
    expect(mechanismList(0x210a, 0x1087).toString('hex')).toBe('0a210000000000008710000000000000')
  })
})
