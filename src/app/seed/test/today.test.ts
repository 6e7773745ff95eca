import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { faultsInBooks } from '../../../../test/abuse/support.ts'
import { withProduct } from '../../../../test/support/product.ts'
import { liveToday } from '../today.ts'

test(
  'neighbours pay through the wallets and at a window; what is to be tried out stays open, and the books hold',
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      const codes: string[] = []
      for (let n = 0; n < 30; n++) codes.push(await product.issueBill(5_000 + n))
      const { wechat, alipay } = product.sandbox
      const done = await liveToday(product.kernel, 1, {
        wallets: { wechat: wechat.url, alipay: alipay.url },
        visits: 26,
        skip: 4,
        pace_ms: 5,
      })
      assert.ok(done.paid >= 8 && done.cash >= 2, JSON.stringify(done))
      const { rows } = await queryIn(
        product.kernel,
        `select a.channel as what, count(*)::int as n from payments.attempt_state a where a.state = 5 group by 1
       union all select 'dispute', count(*)::int from billing.dispute
       union all select 'journey', count(*)::int from billing.journey`,
      )
      const of = new Map<string, number>(rows.map(row => [row.what, row.n]))
      assert.ok(of.get('wechat') && of.get('alipay'), 'both wallets')
      assert.equal(of.get('wechat')! + of.get('alipay')!, done.paid)
      assert.equal(of.get('cash'), done.cash)
      assert.equal(of.get('dispute'), 1)
      assert.ok(of.get('journey')! >= done.paid + done.cash)
      const open = await queryIn(
        product.kernel,
        `select count(*)::int as n from billing.bill b where b.code = any($1) and not exists (select from payments.claim c where c.subject_id = b.id)`,
        [codes],
      )
      assert.ok(open.rows[0].n >= 4)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
)
