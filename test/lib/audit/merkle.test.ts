import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isInTree, leafHash, pathOf, rootOf } from '../../../lib/audit/merkle.ts'
import { fromHex, hex, utf8 } from '../../../lib/bytes.ts'

// RFC 6962's own tree, as its reference implementation's tests have it.
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('the roots of RFC 6962 come out', () => {
  const leaves = inputs.map((input) => leafHash(fromHex(input)))
  expect(hex(rootOf([]))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(roots.map((_, at) => hex(rootOf(leaves.slice(0, at + 1))))).toEqual(roots)
})

test('a leaf is in the tree at its place, and no other leaf, place, count or path is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (count, one, other) => {
      const leaves = Array.from({ length: count }, (_, at) => leafHash(utf8(String(at))))
      const [index, wrong] = [one % count, other % count]
      const [leaf, root, path] = [leaves[index] ?? new Uint8Array(), rootOf(leaves), pathOf(leaves, index)]
      expect(isInTree(leaf, index, count, path, root)).toBe(true)
      expect(isInTree(leafHash(utf8('x')), index, count, path, root)).toBe(false)
      if (wrong !== index) expect(isInTree(leaf, wrong, count, path, root)).toBe(false)
      expect(isInTree(leaf, index, count, [...path, leaf], root)).toBe(false)
      if (path.length > 0) expect(isInTree(leaf, index, count, path.slice(1), root)).toBe(false)
      expect(isInTree(leaf, -1, count, path, root)).toBe(false)
      expect(isInTree(leaf, index, 0, path, root)).toBe(false)
    }),
  )
})
