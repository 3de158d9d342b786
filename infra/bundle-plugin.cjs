/** Bundles the Lambdas before the Serverless Framework packages them: what is deployed is what is in the tree. */
const { execFileSync } = require('node:child_process')
const { join } = require('node:path')

const pathOf = (route) => (typeof route === 'string' ? route : (route?.path ?? ''))

class BundlePlugin {
  constructor(serverless) {
    const { serviceDir } = serverless
    // The tree's own Node.js: the one that runs the framework may not run TypeScript.
    const node = join(serviceDir, 'node_modules/.bin/node')
    const bundle = () => execFileSync(node, ['infra/bundle.ts', '--check'], { cwd: serviceDir, stdio: 'inherit' })
    // serverless-offline takes a path with a slash at its end for the one without, and will not have both.
    const dropSlashed = () => {
      for (const each of Object.values(serverless.service.functions)) {
        each.events = each.events.filter(({ httpApi }) => !/[^\s/]\/$/.test(pathOf(httpApi)))
      }
    }
    this.hooks = { 'before:package:initialize': bundle, 'before:offline:start': dropSlashed }
  }
}

module.exports = BundlePlugin
