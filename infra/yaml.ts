import { stringify } from 'yaml'

/** One way to write each thing, which readers of YAML 1.1 and 1.2 take for the same: what is derived must not change unless its meaning does. */
export const yamlOf = (value: object): string =>
  stringify(value, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 })
