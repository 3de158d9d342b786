import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, textOf, utf8 } from '../../../lib/bytes.ts'
import type { Letter } from '../../../lib/regions/peers.ts'
import { letters } from '../../../lib/store/letters.ts'
import { aKey, aMaterial } from '../../harness/store.ts'

const id = 'mrk-1234abcd12ab34cd56ef1234567890ab'
const key = aKey({
  id,
  tags: { $bytes: 'AAAA', __proto__x: '' },
  multiRegion: {
    primary: 'us-east-1',
    replicas: ['us-west-2'],
    sequence: 3,
    holders: [],
    untold: { regions: ['us-west-2'], at: 1 },
  },
  replicaDeletion: { windowInDays: 7 },
})

describe('a letter', () => {
  test('comes back as it was written, byte for byte, whatever its bytes are held in', () => {
    const blob = Buffer.from(randomBytes(64)).subarray(3, 40)
    const material = { ...aMaterial(id), publicKey: new Uint8Array(), wrapped: { ...aMaterial(id).wrapped, blob } }
    const letter: Letter = { kind: 'create', key, materials: [material] }
    const back = letters.read(letters.write(letter))
    expect(back).toEqual({
      ...letter,
      materials: [{ ...material, wrapped: { ...material.wrapped, blob: new Uint8Array(blob) } }],
    })
    expect(letters.readAnswer(letters.writeAnswer(key))).toEqual(key)
    expect(letters.readAnswer(letters.writeAnswer(undefined))).toBeUndefined()
  })

  test('is read as it was once written, for ever', () => {
    const text =
      '{"kind":"tell","key":{"id":"mrk-1234abcd12ab34cd56ef1234567890ab","arn":"arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",' +
      '"account":"111122223333","revision":4,"createdAt":1767323045678,"description":"","spec":"SYMMETRIC_DEFAULT","usage":"ENCRYPT_DECRYPT","origin":"AWS_KMS",' +
      '"state":"Enabled","policy":"{}","tags":[["team","red"]],"currentMaterialId":"aa","multiRegion":{"primary":"us-east-1","replicas":["us-west-2"],"sequence":2,' +
      '"untold":{"regions":["us-west-2"],"at":5}}},"materials":[{"keyId":"mrk-1234abcd12ab34cd56ef1234567890ab","account":"111122223333","id":"aa","number":1,' +
      '"spec":"SYMMETRIC_DEFAULT","createdAt":1767323045678,"wrapped":{"rootId":"domain-2-0011223344556677","blob":{"$bytes":"AAEC"},"binding":{"$bytes":"//79"}},' +
      '"protection":"HSM"}]}'
    const letter = letters.read(utf8(text))
    expect(letter.key.tags).toEqual({ team: 'red' })
    expect(letter.materials[0]?.wrapped).toEqual({
      rootId: 'domain-2-0011223344556677',
      blob: fromHex('000102'),
      binding: fromHex('fffefd'),
    })
    expect(textOf(letters.write(letter))).toBe(text)
  })

  test('that is anything else is refused, never half read', () => {
    const refusal = expect.objectContaining({ name: 'SerializationException' })
    const attempt = (body: Uint8Array) => {
      try {
        return letters.read(body)
      } catch (error) {
        return error
      }
    }
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (body) => {
        expect(attempt(body)).toEqual(refusal)
      }),
    )
    const sound = JSON.parse(textOf(letters.write({ kind: 'tell', key, materials: [] })))
    const broken = [
      { ...sound, more: 1 },
      { ...sound, key: { ...sound.key, more: 1 } },
      { ...sound, key: { ...sound.key, revision: -1 } },
      { ...sound, key: { ...sound.key, description: { $bytes: 'AA==' } } },
      { ...sound, materials: [sound.key] },
      { ...sound, kind: 'tellAll' },
    ]
    for (const each of broken) expect(attempt(utf8(JSON.stringify(each)))).toEqual(refusal)
  })
})
