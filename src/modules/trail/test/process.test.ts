import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openCheckpoint, parseVkey } from '#engines/hashtree/index.ts'
import { connect } from '#kernel/db/index.ts'
import { type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { checkTrail, ensureSm2Key, ensureTrailKey, findCheckpoint, loadSm2Signer, loadTrailSigner } from '../index.ts'
import { noticeMany, ORIGIN } from './support.ts'

const MAIN = new URL('../sequencer-main.ts', import.meta.url).pathname

async function start(kernel: TestKernel, key: string, sm2Key?: string): Promise<ChildProcess> {
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL_SEQUENCER: kernel.connections.sequencer,
    YIMEN_TRAIL_KEY: key,
    YIMEN_TRAIL_ORIGIN: ORIGIN,
    ...(sm2Key && { YIMEN_TRAIL_SM2_KEY: sm2Key }),
    YIMEN_PARENT: '1',
    YIMEN_LOG: 'silent',
  }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout!, 'data')
  assert.equal(String(line), '{"ready":"sequencer"}\n')
  return child
}

async function sealedUpTo(kernel: TestKernel, size: number): Promise<void> {
  const until = Date.now() + 20_000
  while ((await findCheckpoint(kernel.db, 1))?.size !== size) {
    assert.ok(Date.now() < until, `not sealed up to ${size}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

test('the sequencer process seals by itself, survives being killed, and ends with its parent', () =>
  withTestDb(async kernel => {
    const folder = mkdtempSync(join(tmpdir(), 'yimen-trail-'))
    const key = join(folder, 'keys', 'trail.pem')
    try {
      ensureTrailKey(key)
      assert.equal(statSync(key).mode & 0o777, 0o600)
      const { vkey } = loadTrailSigner(key, ORIGIN)
      ensureTrailKey(key)
      assert.equal(loadTrailSigner(key, ORIGIN).vkey, vkey)

      const first = await start(kernel, key)
      await noticeMany(kernel, 1_500)
      await sealedUpTo(kernel, 1_500)
      await noticeMany(kernel, 3_000)
      first.kill('SIGKILL')
      await once(first, 'exit')
      // Its lease would run out by itself in ten seconds; the test does not wait for that.
      const owner = connect(kernel.owner, { max: 1 })
      await owner.pool.query(`update trail.lease set until = '2000-01-01'`)
      await owner.close()

      // Started anew with a second key, it signs by both from there on.
      const sm2Key = join(folder, 'keys', 'trail-sm2.key')
      ensureSm2Key(sm2Key)
      const national = loadSm2Signer(sm2Key, ORIGIN)
      ensureSm2Key(sm2Key)
      assert.equal(loadSm2Signer(sm2Key, ORIGIN).vkey, national.vkey)
      const second = await start(kernel, key, sm2Key)
      await sealedUpTo(kernel, 4_500)
      second.stdin!.end()
      const [code] = await once(second, 'exit')
      assert.equal(code, 0)
      const faults = (await checkTrail(kernel.db, 1, [vkey])).filter(check => check.ok !== true)
      assert.deepEqual(faults, [])
      const { note } = (await findCheckpoint(kernel.db, 1))!
      for (const pinned of [vkey, national.vkey]) assert.equal(openCheckpoint(note, [parseVkey(pinned)!]).ok, true)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }))
