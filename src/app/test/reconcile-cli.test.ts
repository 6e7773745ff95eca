import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { ensureMerchant } from '#modules/payments/index.ts'
import { wechatStatement } from '../../../test/support/statement.ts'
import { runReconcile } from '../reconcile-cli.ts'

test('an operator compares a statement from the command line; wrong use and wrong files say so and change nothing', () =>
  withTestDb(async kernel => {
    const folder = mkdtempSync(join(tmpdir(), 'yimen-reconcile-'))
    try {
      const run = async (...argv: string[]) => {
        let [printed, complained] = ['', '']
        const code = await runReconcile(kernel, 1, argv, { print: text => (printed += text), complain: text => (complained += text) })
        return { code, printed, complained }
      }
      const good = join(folder, 'day.csv')
      const raw = wechatStatement('2026-11-20', [{ txnNo: '4200001', outTradeNo: 'shop', amountFen: 500 }])
      writeFileSync(good, raw)
      const cut = join(folder, 'cut.csv')
      writeFileSync(cut, raw.subarray(0, raw.length - 40))
      const rest = ['--channel', 'wechat', '--day', '2026-11-20']
      assert.equal((await run(good, ...rest)).code, 1, 'no merchant account yet')
      await ensureMerchant(systemCtx(kernel, 1, 'test'), 'wechat', '1900000109')
      for (const wrong of [
        [],
        [good],
        [good, '--channel', 'cash', '--day', '2026-11-20'],
        [good, '--channel', 'wechat', '--day', '2026-02-30'],
        ['none.csv', ...rest],
        [good, good, ...rest],
        [good, '--nonsense', ...rest],
      ])
        assert.equal((await run(...wrong)).code, 2, wrong.join(' '))
      const refused = await run(cut, ...rest)
      assert.deepEqual([refused.code, /整份没有采用/.test(refused.complained)], [1, true])
      const first = await run(good, ...rest)
      assert.equal(first.code, 0, first.complained)
      assert.match(first.printed, /1 笔，收款 5\.00，退款 0\.00，差异 1 处/)
      assert.match((await run(good, ...rest)).printed, /没有变化/)
      const { outcome } = JSON.parse((await run(good, ...rest, '--json')).printed)
      assert.equal(outcome, 'unchanged')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }))
