import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../up.ts'

const root = new URL('../../..', import.meta.url).pathname
const START_MS_MAX = 120_000
const STOP_MS_MAX = 40_000

type Env = Readonly<Record<string, string>>

const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-start-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function launch(
  command: string,
  args: readonly string[],
  env: Env,
): { child: ChildProcess; said: () => string; code: Promise<number | null> } {
  const { DATABASE_URL: _, ...outside } = process.env
  const child = spawn(command, args, { cwd: root, env: { ...outside, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', part => (text += part))
  return { child, said: () => text, code: new Promise(resolve => child.once('close', code => resolve(code))) }
}

const up = (env: Env) => launch(process.execPath, ['bin/yimen.mjs', 'up'], { YIMEN_SEED: 'small', ...env })

async function until(what: string, ms: number, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + ms; !(await look()); ) {
    assert.ok(Date.now() < end, `not seen: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** One line, Chinese and English, that names the variable; no stack. */
function isSentence(said: string, variable: string): void {
  const lines = said.trim().split('\n')
  assert.equal(lines.length, 1, said)
  assert.match(lines[0]!, new RegExp(`^${variable}.*\\p{Script=Han}.* / ${variable}`, 'u'))
}

test('what cannot be used stops the start with one sentence that names it, and nothing is begun', { timeout: 180_000 }, () =>
  inFolder(async folder => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const data = join(folder, 'data')
    const port = String(await freePort('127.0.0.1'))
    const cases: readonly (readonly [string, Env])[] = [
      ['PORT', { PORT: 'abc', YIMEN_DATA: data }],
      ['PORT', { PORT: '70000', YIMEN_DATA: data }],
      ['HOST', { PORT: port, HOST: '192.0.2.1', YIMEN_DATA: data }],
      ['YIMEN_DATA', { PORT: port, YIMEN_DATA: join(file, 'below') }],
      ['YIMEN_DATA', { PORT: port, YIMEN_DATA: '/proc/yimen' }],
      ['DATABASE_URL', { PORT: port, YIMEN_DATA: data, DATABASE_URL: 'postgres://someone:geheim@127.0.0.1:1/nothing' }],
    ]
    for (const [variable, env] of cases) {
      const { said, code } = up(env)
      assert.equal(await code, 2, said())
      isSentence(said(), variable)
      assert.doesNotMatch(said(), /geheim/)
    }
    const taken = createServer().listen(Number(port), '127.0.0.1')
    try {
      const { said, code } = up({ PORT: port, YIMEN_DATA: data })
      assert.equal(await code, 2, said())
      isSentence(said(), 'PORT')
      assert.match(said(), new RegExp(port))
      assert.equal(existsSync(join(data, 'postgres')), false)
      assert.equal(existsSync(join(data, 'running.pid')), false)
    } finally {
      taken.close()
    }
  }),
)

test('free ports asked for at once differ, and none is one a system hands out by itself', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort('127.0.0.1')))
  assert.equal(new Set(ports).size, ports.length)
  for (const port of ports) assert.ok(port > 10_080 && port < 32_768, String(port))
})

const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const childrenOf = (pid: number): { pid: number; line: string }[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(child => ({ pid: Number(child), line: readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ') }))

test(
  'started by npm it serves, keeps its parts running, refuses a second start, and ends with npm however that ends',
  { timeout: 300_000 },
  () =>
    inFolder(async folder => {
      const port = String(await freePort('127.0.0.1'))
      const env = { PORT: port, YIMEN_DATA: folder, YIMEN_SEED: 'small' }
      const start = async () => {
        const { child, said } = launch('npm', ['start'], env)
        await until('ready', START_MS_MAX, () => {
          assert.equal(child.exitCode, null, said())
          return /^ready .*\n[\s\S]*(staff operator-audit|staff-reset).*\n/m.test(said())
        })
        const pid = Number(readFileSync(join(folder, 'running.pid'), 'utf8').split(' ')[0])
        return { child, said, pid, parts: childrenOf(pid).map(part => part.pid) }
      }
      const ended = (product: { pid: number; parts: readonly number[] }) =>
        until('all processes gone', STOP_MS_MAX, () => ![product.pid, ...product.parts].some(isAlive))

      const first = await start()
      assert.doesNotMatch(first.said(), /Warning:|Deprecation/)
      const answer = await fetch(`http://127.0.0.1:${port}/openapi.json`)
      assert.equal(await answer.text(), readFileSync(join(root, 'docs/reference/openapi.json'), 'utf8'))
      assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8')
      const etag = answer.headers.get('etag')!
      assert.equal((await fetch(`http://127.0.0.1:${port}/openapi.json`, { headers: { 'if-none-match': etag } })).status, 304)

      const second = up({ ...env, PORT: '0' })
      assert.equal(await second.code, 1)
      assert.match(second.said(), new RegExp(`^一门已经在使用.* / Yimen is already running on ${folder} \\(process ${first.pid}\\)`))

      const wallet = /sandbox WeChat Pay +(\S+)/.exec(first.said())![1]!
      for (const part of childrenOf(first.pid).filter(({ line }) => /sandbox\/wechat|sequencer-main/.test(line)))
        process.kill(part.pid, 'SIGKILL')
      await until('the stand-in at its address again', 30_000, () =>
        fetch(wallet).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      await until('the sequencer again', 30_000, () => childrenOf(first.pid).some(({ line }) => /sequencer-main/.test(line)))
      assert.match(first.said(), /"process":"sandbox wechat","how":"SIGKILL"/)
      const staff = first.said().match(/^ +staff .*$/gm)
      assert.equal(staff?.length, 7)

      const parts = childrenOf(first.pid).map(part => part.pid)
      first.child.kill('SIGTERM')
      await ended({ pid: first.pid, parts })
      assert.equal(existsSync(join(folder, 'running.pid')), false)

      const again = await start()
      assert.deepEqual(again.said().match(/^ +staff .*$/gm), staff)
      again.child.kill('SIGKILL')
      await ended(again)
      assert.equal(existsSync(join(folder, 'running.pid')), false)
    }),
)
