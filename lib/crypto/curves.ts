/** The curves of SEC 2 that key specs are on, all of cofactor 1: y² = x³ + ax + b over the integers modulo `p`. */
interface CurveRow {
  /** OpenSSL's name. */
  readonly name: string
  readonly oid: string
  /** Of a coordinate, and of a private key. */
  readonly bytes: number
  readonly p: bigint
  readonly a: bigint
  /** Of the generator (x, y). */
  readonly order: bigint
  readonly x: bigint
  readonly y: bigint
}

export const curves = {
  ECC_NIST_P256: {
    name: 'prime256v1',
    oid: '1.2.840.10045.3.1.7',
    bytes: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    a: -3n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  ECC_NIST_P384: {
    name: 'secp384r1',
    oid: '1.3.132.0.34',
    bytes: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    a: -3n,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
  ECC_NIST_P521: {
    name: 'secp521r1',
    oid: '1.3.132.0.35',
    bytes: 66,
    p: (1n << 521n) - 1n,
    a: -3n,
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    x: 0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
    y: 0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
  },
  ECC_SECG_P256K1: {
    name: 'secp256k1',
    oid: '1.3.132.0.10',
    bytes: 32,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    a: 0n,
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  },
} as const satisfies Record<string, CurveRow>

export type Curve = CurveRow

/** GB/T 32918.5. Apart: it is used for signatures of its own kind alone. */
export const sm2Curve = {
  name: 'SM2',
  oid: '1.2.156.10197.1.301',
  bytes: 32,
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: -3n,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  order: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  x: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  y: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
} as const satisfies CurveRow & { readonly b: bigint }
