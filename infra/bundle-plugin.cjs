/** Bundles the Lambdas before the Serverless Framework packages them: what is deployed is what is in the tree. */
const { execFileSync } = require('node:child_process')
const { join } = require('node:path')

class BundlePlugin {
  constructor({ serviceDir }) {
    // The tree's own Node.js: the one that runs the framework may not run TypeScript.
    const node = join(serviceDir, 'node_modules/.bin/node')
    const bundle = () => execFileSync(node, ['infra/bundle.ts', '--check'], { cwd: serviceDir, stdio: 'inherit' })
    this.hooks = { 'before:package:initialize': bundle }
  }
}

module.exports = BundlePlugin
