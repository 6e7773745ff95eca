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
// The channel closes when this process ends, however it ends: the product then stops in order.
const stdio = ['inherit', 'inherit', 'inherit', ...(entry[0] === 'src/app/cli.ts' ? ['ipc'] : [])]
const child = spawn(node, ['--import', join(root, 'tools/tsx.mjs'), join(root, entry[0]), ...entry.slice(1)], { stdio })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))

// npm ends without a word to what it started, or tells only the shell between: whoever ends npm means us too.
if (process.env.npm_lifecycle_event) {
  const began = lineage()
  const watch = setInterval(() => {
    if (lineage() === began) return
    clearInterval(watch)
    child.kill('SIGTERM')
  }, 500)
  watch.unref()
}

/** Our parent, and its own where it is the shell npm runs scripts in. */
function lineage() {
  const parent = process.ppid
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const grandparent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    return /sh$/.test(name) ? `${parent} ${grandparent}` : `${parent}`
  } catch {
    return `${parent}`
  }
}
