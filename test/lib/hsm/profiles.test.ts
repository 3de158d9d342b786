/** Which profile a module gets, by what it says of itself. The modules themselves: test/clients/token.test.ts. */
import { expect, test } from 'vitest'
import { mechanism } from '../../../lib/hsm/constants.ts'
import { chooseProfile } from '../../../lib/hsm/profiles.ts'
import type { Session } from '../../../lib/hsm/session.ts'

const needed = [mechanism.aesGcm, mechanism.aesKeyGeneration, mechanism.hmacSha256]
const says = (manufacturer: string, ...mechanisms: readonly number[]) =>
  ({ manufacturer, mechanisms: [...needed, ...mechanisms] }) as unknown as Session

test('a maker who is not known gets the generic profile, and the key wrap that RFC 5649 has had a number of its own for since PKCS #11 v3.0', () => {
  const { aesKeyWrapKwp, aesKeyWrapPad } = mechanism
  expect(chooseProfile(says('Kryoptic', aesKeyWrapKwp)).keyWrap).toBe(aesKeyWrapKwp)
  expect(chooseProfile(says('Kryoptic', aesKeyWrapPad, aesKeyWrapKwp)).keyWrap).toBe(aesKeyWrapKwp)
  expect(chooseProfile(says('Elder', aesKeyWrapPad)).keyWrap).toBe(aesKeyWrapPad)
})

test('a token without either is refused by name', () => {
  expect(() => chooseProfile(says('Poor'))).toThrow('The token has no aesKeyWrapPad (0x210a)')
})

test('SoftHSM keeps the number that its roots are bound to, whatever a later release has besides', () => {
  const { keyWrap } = chooseProfile(says('SoftHSM', mechanism.aesKeyWrapPad, mechanism.aesKeyWrapKwp))
  expect(keyWrap).toBe(mechanism.aesKeyWrapPad)
})

test('a token that makes the IVs of GCM itself is refused', () => {
  expect(() => chooseProfile(says('Marvell', mechanism.cloudHsmAesKeyWrapZeroPad))).toThrow(
    'The token chooses the IVs of AES-GCM itself: ciphertext version 1 needs a token that takes them.',
  )
})
