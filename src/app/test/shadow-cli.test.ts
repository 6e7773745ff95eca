import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { fileOf, type Row, withWaterBills } from '../../modules/billing/test/past-support.ts'
import { runShadow } from '../shadow-cli.ts'

const clock = manualClock('2026-11-05T02:00:00Z')
const DAY = '2026-11-03'

test('a day is compared from the command line, told in both languages, and its exit code says how it went', () =>
  withTestDb(
    async base => {
      const kernel = { ...base, clock }
      await withWaterBills(kernel, [{ no: 'W1', fen: 7_440 }])
      const folder = mkdtempSync(join(tmpdir(), 'yimen-shadow-cli-'))
      const run = async (argv: string[]) => {
        let [printed, complained] = ['', '']
        const code = await runShadow(kernel, 1, argv, { print: text => (printed += text), complain: text => (complained += text) })
        return { code, printed, complained }
      }
      const bring = (rows: readonly Row[] | string, ...more: string[]) => {
        const file = join(folder, 'day.csv')
        writeFileSync(file, typeof rows === 'string' ? rows : fileOf(rows, DAY))
        return run([file, '--biller', 'water', '--day', DAY, ...more])
      }
      try {
        assert.match((await run([])).printed, /还没有核对过 \/ nothing was compared yet/)
        const differs = await bring([
          { no: 'L1', bill: 'W1' },
          { no: 'L2', bill: 'X1' },
        ])
        assert.equal(differs.code, 3)
        assert.match(differs.printed, /2 笔 148\.80 元，差异 2 处 \/ 2 payments there, 2 differences\n.*there only 1.*unknown bill 1/)
        const asJson = await bring(
          [
            { no: 'L1', bill: 'W1' },
            { no: 'L2', bill: 'X1' },
          ],
          '--json',
        )
        assert.deepEqual([asJson.code, JSON.parse(asJson.printed).outcome], [3, 'unchanged'])
        assert.equal((await run(['--biller', 'water'])).code, 3)
        const refused = await bring('not a file of payments\n')
        assert.equal(refused.code, 1)
        assert.match(refused.complained, /整批未导入 \/ .*refused, nothing changed/)
        const same = await bring([])
        assert.deepEqual([same.code, same.complained], [0, ''])
        const trend = await run([])
        assert.match(
          trend.printed,
          /water: 连续 1 天无差异，截至 2026-11-03 \/ 1 day in a row without a difference\n {2}2026-11-03 {2}无差异/,
        )
        assert.equal(trend.code, 0)
        for (const [argv, code, words] of [
          [[join(folder, 'day.csv'), '--biller', 'none', '--day', DAY], 1, /there is no biller none/],
          [[join(folder, 'day.csv'), '--biller', 'water', '--day', '2026-11-05'], 1, /not a day that is over: 2026-11-05/],
          [[join(folder, 'day.csv'), '--biller', 'water'], 2, /--day is missing/],
          [[join(folder, 'nothing.csv'), '--biller', 'water', '--day', DAY], 2, /no such file/],
          [[join(folder, 'day.csv'), '--day', DAY], 2, /--biller is missing/],
        ] as const) {
          const wrong = await run([...argv])
          assert.equal(wrong.code, code, words.source)
          assert.match(wrong.complained, words)
        }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    { clock },
  ))
