import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { auditTable } from '../../../lib/sinks/places.ts'
import { tableDefinition } from '../../../lib/store/table.ts'

/** The parser that `serverless` itself reads the file with. */
const { load } = createRequire(createRequire(import.meta.url).resolve('serverless/package.json'))('js-yaml')
const serverless = load(readFileSync(new URL('../../../serverless.yml', import.meta.url), 'utf8'))
const resources = load(readFileSync(new URL('../../../infra/tables.yml', import.meta.url), 'utf8')).Resources

describe('infra/tables.yml', () => {
  test('declares the tables that the embedded store and the tests make, one for each stage', () => {
    const [store, audit] = ['${param:storeTable}', '${param:auditTable}']
    expect(resources.StoreTable.Properties).toMatchObject(tableDefinition(store))
    expect(resources.AuditTable.Properties).toMatchObject(auditTable(audit))
    const { storeTable, auditTable: trail } = serverless.params.default
    expect([storeTable, trail]).toEqual(['keystead-${sls:stage}', 'keystead-${sls:stage}-audit'])
  })

  test.each(['StoreTable', 'AuditTable'])('guards %s against loss and has it expire items by TTL', (name) => {
    expect(resources[name]).toMatchObject({
      Type: 'AWS::DynamoDB::Table',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'TTL', Enabled: true },
      },
    })
  })
})
