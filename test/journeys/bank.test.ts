import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { systemCtx } from '#kernel/context.ts'
import { queryIn } from '#kernel/db/testing.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { runSettlements } from '#modules/billing/index.ts'
import { roles } from '#modules/identity/index.ts'
import { ensureBankAccount, runClose } from '#modules/payments/index.ts'
import { renderBankFile } from '../../src/modules/payments/settle/layout.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, pay, signInAs } from '../abuse/support.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS

test('the bank statement is brought in from the keyboard: the channel has paid, the biller is paid', { timeout: 180_000 }, () => {
  let ahead_ms = 0
  const clock = { now: () => new Date(Date.now() + ahead_ms) }
  return withProduct(
    async product => {
      const { kernel, sandbox } = product
      const day = dayOf(clock.now())
      await ensureBankAccount(systemCtx(kernel, 1, 'test'), 'icb', 'bank')
      await pay(product, 10_000)
      ahead_ms = new Date(`${addDays(day, 1)}T11:00:00+08:00`).getTime() - Date.now()
      await fetch(`${sandbox.wechat.url}/_control/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ statement_today: true }),
      })
      await runClose(kernel, 1)
      await runSettlements(kernel, 1)
      const { rows } = await queryIn(kernel, `select mchid, fee_e5 from payments.statement where channel = 'wechat' and day = $1`, [day])
      const fee = Math.round(Number(rows[0].fee_e5) / 1_000)
      const digits = day.replaceAll('-', '')
      const bytes = renderBankFile({
        ...{ bank: 'icb', day: addDays(day, 1), openingFen: 0 },
        rows: [
          {
            ...{ serial: '1', at: clock.now(), amountFen: 10_000 - fee, balanceFen: 10_000 - fee },
            purpose: `SETTLE wechat ${rows[0].mchid} ${digits}`,
          },
          { serial: '2', at: clock.now(), amountFen: -10_000, balanceFen: -fee, purpose: `REMIT water ${digits}` },
        ],
      })
      const manager = await signInAs(product, 'manager')
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
      context.setDefaultTimeout(10_000)
      await context.addCookies([...manager.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      const page = await context.newPage()
      await page.goto(`${product.url}/staff/bank`)
      await page.getByText('未到账').waitFor()
      await page.locator('input[type=file]').setInputFiles({ name: 'bank.txt', mimeType: 'text/plain', buffer: bytes })
      await page.locator('input[type=file]').focus()
      let keys = 0
      while ((await page.locator(':focus').textContent()) !== '上传并记账') {
        await page.keyboard.press('Tab')
        assert.ok(++keys < 6)
      }
      await page.keyboard.press('Enter')
      keys++
      await page.waitForURL('**/staff/bank?notice=taken')
      await page.getByText('已到账').waitFor()
      await page.getByText('都付清了').waitFor()
      assert.ok(keys <= 3, `${keys} keys`)
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/bank.png`, fullPage: true })
      assert.deepEqual(await axeOn(page), [])
      // The same file again, and one cut off.
      for (const [buffer, said] of [
        [bytes, /没有变化/],
        [bytes.subarray(0, 200), /重新下载/],
      ] as const) {
        await page.locator('input[type=file]').setInputFiles({ name: 'bank.txt', mimeType: 'text/plain', buffer })
        await page.getByRole('button', { name: '上传并记账' }).click()
        await page.getByText(said).first().waitFor()
      }
      await context.close()
      assert.deepEqual(await faultsInBooks(product), [])
      for (const role of roles) {
        const desk = await signInAs(product, role)
        const may = ['manager', 'approver', 'operator-audit'].includes(role)
        assert.equal((await desk.browser.get('/staff/bank')).status, may ? 200 : 403, role)
      }
    },
    { clock },
  )
})
