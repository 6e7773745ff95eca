import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { listBalances } from '#modules/ledger/index.ts'
import { checkBank, ensureBankAccount, runClose, runPayouts, takeBankFile } from '#modules/payments/index.ts'
import { renderBankFile } from '../../src/modules/payments/settle/layout.ts'
import { faultsInBooks, pay, until } from '../abuse/support.ts'
import { withProduct } from '../support/product.ts'

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

for (const channel of ['wechat', 'alipay'] as const)
  test(`coupons of ${channel}: the receipt says what was given, the bill is paid in full, and who bears it is booked`, {
    timeout: 120_000,
  }, () => {
    let ahead_ms = 0
    const clock = { now: () => new Date(Date.now() + ahead_ms) }
    return withProduct(
      async product => {
        const { kernel, sandbox } = product
        const offer = async (fen: number, funder: string) => {
          const answer = await fetch(`${sandbox[channel].url}/_control/coupon`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ name: '新市民立减', fen, funder }),
          })
          assert.ok(answer.ok)
        }
        await ensureBankAccount(systemCtx(kernel, 1, 'test'), 'icb', 'bank')
        const day = dayOf(clock.now())
        await offer(300, 'channel')
        const theirs = await pay(product, 10_000, channel)
        assert.match(textOf(theirs.done.text), /优惠 −3\.00 实付 97\.00/)
        assert.match(textOf((await theirs.browser.get(`${theirs.order}/print-a4`)).text), /优惠 −3\.00 实付 97\.00/)
        await offer(500, 'merchant')
        const ours = await pay(product, 8_000, channel)
        assert.match(textOf(ours.done.text), /优惠 −5\.00 实付 75\.00/)
        // Given back whole: the coupon's share comes back to us with it.
        const undone = await pay(product, 2_000, channel)
        assert.equal((await undone.browser.submit(undone.done, `${undone.order}/undo`)).status, 303)
        await until('the refund', async () => (await queryIn(kernel, 'select from payments.refund where state = 5')).rowCount)
        await offer(0, 'merchant')
        const plain = await pay(product, 1_000, channel)
        assert.doesNotMatch(textOf(plain.done.text), /实付/)

        ahead_ms = new Date(`${addDays(day, 1)}T11:00:00+08:00`).getTime() - Date.now()
        await fetch(`${sandbox[channel].url}/_control/faults`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ statement_today: true }),
        })
        await runClose(kernel, 1)
        const { rows } = await queryIn(
          kernel,
          'select mchid, rows, paid_fen, refunded_fen, discount_fen, fee_e5 from payments.statement where channel = $1 and day = $2 and superseded_at is null',
          [channel, day],
        )
        const [stated] = rows
        assert.deepEqual([stated.rows, stated.paid_fen, stated.refunded_fen, stated.discount_fen], [5, 21_000, 2_000, 500])
        assert.equal((await queryIn(kernel, 'select from payments.break')).rowCount, 0)
        const netFen = 21_000 - 2_000 - 500 - Math.round(stated.fee_e5 / 1_000)
        const purpose = `SETTLE ${channel} ${stated.mchid} ${day.replaceAll('-', '')}`
        const row = { serial: '1', at: clock.now(), amountFen: netFen, balanceFen: netFen, purpose }
        const bytes = renderBankFile({ bank: 'icb', day: addDays(day, 1), openingFen: 0, rows: [row] })
        assert.ok((await takeBankFile(systemCtx(kernel, 1, 'test'), { name: 'bank.txt', bytes })).ok)
        await runPayouts(kernel, 1)
        const held = new Map((await kernel.db.read(1, tx => listBalances(tx, 1))).map(b => [b.code, b.amount]))
        assert.equal(held.get(`6601:${channel}`), 500, 'what the channel bears costs us nothing')
        assert.equal(held.get(`1012:${channel}:${stated.mchid}`), 0)
        assert.equal(held.get('1002:icb'), netFen)
        assert.deepEqual(await faultsInBooks(product), [])
        assert.deepEqual(
          (await checkBank(kernel.db, 1)).filter(check => check.ok !== true),
          [],
        )
      },
      { clock },
    )
  })
