/**
 * Bundles the Lambdas before the Serverless Framework packages them, so that what is deployed is what is in the tree;
 * and splits its stack by infra/stacks.ts. It takes no template but its own to the bucket: the others go by here.
 */
const { execFileSync } = require('node:child_process')
const { readFileSync, writeFileSync } = require('node:fs')
const { basename, join } = require('node:path')
const uploadS3Object = require('serverless/lib/plugins/aws/lib/upload-s3-object')

class BundlePlugin {
  constructor(serverless) {
    const { serviceDir } = serverless
    // The tree's own Node.js: the one that runs the framework may not run TypeScript.
    const node = join(serviceDir, 'node_modules/.bin/node')
    const run = (args, options) => execFileSync(node, args, { cwd: serviceDir, ...options })
    const bundle = () => run(['infra/bundle.ts', '--check'], { stdio: 'inherit' })
    const splitStack = () => {
      const { service } = serverless
      const template = service.provider.compiledCloudFormationTemplate
      const input = JSON.stringify({ template, folder: service.package.artifactDirectoryName })
      const output = run(['infra/stacks.ts'], { input, maxBuffer: 64 * 1024 * 1024 })
      const { root, nested } = JSON.parse(output.toString())
      // The framework holds on to the object that it has compiled.
      Object.assign(template, root)
      for (const [file, text] of Object.entries(nested)) {
        writeFileSync(join(serviceDir, '.serverless', file), JSON.stringify(text, null, 2))
      }
    }
    const upload = async () => {
      const provider = serverless.getProvider('aws')
      const Bucket = await provider.getServerlessDeploymentBucketName()
      const { artifactDirectoryName, path } = serverless.service.package
      const folder = path ?? join(serviceDir, '.serverless')
      const { Resources } = serverless.service.provider.compiledCloudFormationTemplate
      const stacks = Object.values(Resources).filter(({ Type }) => Type === 'AWS::CloudFormation::Stack')
      for (const { Properties } of stacks) {
        const file = basename(Properties.TemplateURL['Fn::Sub'])
        const Body = readFileSync(join(folder, file), 'utf8')
        await uploadS3Object(provider, { Bucket, Key: `${artifactDirectoryName}/${file}`, Body })
      }
    }
    this.hooks = {
      'before:package:initialize': bundle,
      'before:aws:package:finalize:saveServiceState': splitStack,
      'after:aws:deploy:deploy:uploadArtifacts': upload,
    }
  }
}

module.exports = BundlePlugin
