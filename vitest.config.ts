import { defineConfig } from 'vitest/config'
import { Summary } from './scripts/reporter.ts'

/** The add-on must be loaded on a process's main thread, and initialises the HSM once per process: never threads. */
const pool = 'forks'

/** One file at a time, and never beside another project: these share a token, a server or ports. */
const alone = (order: number) =>
  ({ pool, maxWorkers: 1, fileParallelism: false, sequence: { groupOrder: order } }) as const

const endToEnd = (name: string, order: number, exclude: string[] = []) => ({
  test: {
    name,
    include: ['test/e2e/**/*.test.ts'],
    exclude,
    globalSetup: ['test/e2e/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    ...alone(order),
  },
})

const localstack = process.env.LOCALSTACK_ENDPOINT

export default defineConfig({
  test: {
    pool,
    reporters: ['default', new Summary()],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/*.test.ts',
            'test/lib/**/*.test.ts',
            'test/functions/**/*.test.ts',
            'test/policy/**/*.test.ts',
            'test/fuzz/**/*.test.ts',
          ],
          exclude: ['test/lib/hsm/**'],
          pool,
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'token',
          include: ['test/lib/hsm/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          ...alone(1),
        },
      },
      endToEnd('e2e', 2),
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: ['test/package/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          ...alone(4),
        },
      },
      {
        test: {
          name: 'localstack',
          include: ['localstack/**/*.test.ts', ...(localstack ? ['test/lib/store/contract.test.ts'] : [])],
          globalSetup: ['localstack/setup.ts'],
          env: {
            AWS_ACCESS_KEY_ID: 'local',
            AWS_SECRET_ACCESS_KEY: 'local',
            ...(localstack && { KEYSTEAD_TEST_DYNAMODB_ENDPOINT: localstack }),
          },
          testTimeout: 60_000,
          hookTimeout: 120_000,
          ...alone(5),
        },
      },
      {
        test: {
          name: 'clients',
          // They are fetched and built: minutes, and only when asked for.
          include: process.env.KEYSTEAD_TEST_CLIENTS ? ['test/clients/**/*.test.ts'] : [],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          ...alone(6),
        },
      },
      // Local hosts start and stop the same, whatever else runs, and listen by themselves.
      endToEnd('e2e-offline', 3, [
        'test/e2e/access.test.ts',
        'test/e2e/faults.test.ts',
        'test/e2e/host.test.ts',
        'test/e2e/lifecycle.test.ts',
        'test/e2e/recovery.test.ts',
        'test/e2e/regions.test.ts',
        'test/e2e/rewrap.test.ts',
        'test/e2e/sockets.test.ts',
        'test/e2e/tables.test.ts',
      ]),
    ],
  },
})
