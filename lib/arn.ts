/** Where a resource lives: `arn:<partition>:kms:<region>:<account>:…`. */
export interface Place {
  readonly partition: string
  readonly region: string
  readonly account: string
}

export interface Arn extends Place {
  readonly service: string
  /** Everything after the fifth colon, colons and slashes included. */
  readonly resource: string
}

export const keyArn = (at: Place, id: string): string => `arn:${at.partition}:kms:${at.region}:${at.account}:key/${id}`

/** @param name with its prefix: `alias/x` */
export const aliasArn = (at: Place, name: string): string =>
  `arn:${at.partition}:kms:${at.region}:${at.account}:${name}`

export const rootArn = (at: { partition: string; account: string }): string =>
  `arn:${at.partition}:iam::${at.account}:root`

/** The six parts of an ARN; undefined when the text is not one. */
export function parseArn(text: string): Arn | undefined {
  const [prefix, partition, service, region, account, ...rest] = text.split(':')
  const resource = rest.join(':')
  if (prefix !== 'arn' || !partition || !service || region === undefined || account === undefined || !resource) return
  return { partition, service, region, account, resource }
}
