import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { runImport } from '../../import-cli.ts'
import { seedTown } from '../index.ts'

/** Runs the command and keeps what it wrote. */
async function captured(run: () => Promise<number>): Promise<{ code: number; out: string; err: string }> {
  const kept = { out: '', err: '' }
  const [out, err] = [process.stdout.write, process.stderr.write]
  process.stdout.write = ((text: string) => {
    kept.out += text
    return true
  }) as typeof out
  process.stderr.write = ((text: string) => {
    kept.err += text
    return true
  }) as typeof err
  try {
    return { code: await run(), ...kept }
  } finally {
    process.stdout.write = out
    process.stderr.write = err
  }
}

const row = (due: string): string => `HR60791865|示例户甲|银杏园一区4幢301|2026-2027|88.40|24.50|216580|0|0|A|${due}\n`

test('the command says what happened in words, JSON and exit codes', () =>
  withTestDb(async kernel => {
    await seedTown(kernel, 1, { size: 'small', seed: 'cli' })
    const folder = mkdtempSync(join(tmpdir(), 'yimen-cli-test-'))
    try {
      const iconv = (await import('iconv-lite')).default
      const good = join(folder, 'good.dat')
      writeFileSync(good, iconv.encode(`${row('2026-12-31')}END|1|216580\n`, 'gb18030'))
      const bad = join(folder, 'bad.dat')
      writeFileSync(bad, iconv.encode(`${row('2026-12-32')}END|1|216580\n`, 'gb18030'))
      const cli = (...argv: string[]) => captured(() => runImport(kernel, 1, argv))

      for (const argv of [
        [],
        ['bills'],
        ['bills', good],
        ['requests', good, '--biller', 'heating'],
        ['bills', join(folder, 'none'), '--biller', 'heating'],
        ['bills', good, '--what'],
      ]) {
        const wrong = await cli(...argv)
        assert.equal(wrong.code, 2, argv.join(' '))
        assert.match(wrong.err, /usage: yimen import bills/)
      }
      const refused = await cli('bills', '--biller', 'heating', bad)
      assert.equal(refused.code, 1)
      assert.match(refused.err, /^bad\.dat:1:11: 截止日: 日期无法识别/)
      const dry = await cli('bills', '--biller', 'heating', good, '--dry-run', '--json')
      assert.deepEqual([dry.code, JSON.parse(dry.out).outcome], [0, 'checked'])
      const done = await cli('bills', '--biller', 'heating', good)
      assert.equal(done.code, 0)
      assert.match(done.out, /已导入.*1 行 row, 2,165\.80 元 yuan, 1 张新账单 new/)
      const again = await cli('bills', '--biller', 'heating', good)
      assert.match(again.out, /已导入过/)
      assert.equal((await cli('bills', '--biller', 'nobody', good)).code, 1)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }))
