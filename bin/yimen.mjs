#!/usr/bin/env node
// Starts everything: `yimen <command>` runs src/app/cli.ts, `yimen dev <command>` runs tools/dev.ts.
// Plain JavaScript for Node 20 on purpose: it makes sure the packages are there and hands over to the pinned Node.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lock = join(root, 'package-lock.json')
const stamp = join(root, 'node_modules', '.yimen-lock')
const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  process.stderr.write('Installing packages (first start only) …\n')
  // Not `npm ci`: it refuses a lock file made where the registry lacks packages of other platforms. The lock is honoured all the same.
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (done.status !== 0) {
    process.stderr.write('npm install failed: check that the npm registry can be reached, then run the same command again.\n')
    process.exit(1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
}

const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
const node = existsSync(pinned) ? pinned : process.execPath
if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `No packaged Node for ${process.platform}-${process.arch}: install Node 24 or newer and run the same command again.\n`,
  )
  process.exit(1)
}
const [first, ...rest] = process.argv.slice(2)
const entry = first === 'dev' ? ['tools/dev.ts', ...rest] : ['src/app/cli.ts', ...(first === undefined ? [] : [first, ...rest])]
const child = spawn(node, ['--import', join(root, 'tools/tsx.mjs'), join(root, entry[0]), ...entry.slice(1)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
