/** AWS's own linter, where there is one: `pip install cfn-lint`. It is no package of Node.js, so it may not be here. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folder, templates, variantFolder } from '../harness/package.ts'

const program = process.env.KEYSTEAD_TEST_CFN_LINT ?? 'cfn-lint'
const present = spawnSync(program, ['--version']).status === 0
if (!present) process.stderr.write('cfn-lint is not installed: the stacks are not held against it.\n')

test.runIf(present).each([
  ['as it comes', folder],
  ['with everything chosen otherwise', variantFolder],
])('cfn-lint has nothing to say about any stack, %s', { timeout: 300_000 }, (_, from) => {
  const files = [...templates(from).keys()].map((file) => join(from, file))
  const { stdout, status } = spawnSync(program, files, { encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, ''])
})
