import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { csrfOf, fromAddress, signInAs, until, withMessages } from '../abuse/support.ts'
import { openVisitor } from '../support/browser.ts'
import { type Plain, plainBrowser } from '../support/form.ts'
import { withGas } from '../support/gas.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
const ACCOUNT = '1045333141'

interface Home {
  readonly product: Product
  readonly mother: Plain
  /** Path of the bill on her phone, and its id at the desk. */
  readonly bill: string
  readonly billId: string
}

/** A resident signed in, with an account of her own and a bill on it. */
const atHome = (work: (home: Home) => Promise<void>) =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const mother = plainBrowser(product.url, undefined, fromAddress(71_000))
      const asked = await mother.submit(await mother.get('/sign-in'), '/sign-in', { phone: '13800001111' })
      const code = await until('the code', async () => (await inbox.codes('13800001111')).at(-1))
      assert.equal((await mother.submit(asked, '/sign-in/code', { code })).status, 303)
      const bill = await product.issueBill(25_250, { dueOn: '2026-11-01' })
      const { rows } = await queryIn(
        product.kernel,
        `update billing.account a set account_no = '${ACCOUNT}' from billing.bill b where b.code = $1 and a.id = b.account_id returning b.id`,
        [bill],
      )
      await work({ product, mother, bill: `/b/${bill}`, billId: rows[0].id })
    }),
  )

const keep = async (mother: Plain) => {
  const form = await mother.get('/mine/households/new')
  await mother.submit(form, '/mine/households', { biller: 'water', account: ACCOUNT, relation: 'owner', nickname: '' })
}

test(
  'a bill is asked about in three taps, answered at the desk by its biller, and the answer stands with the bill',
  { timeout: 120_000 },
  () =>
    atHome(async ({ product, mother, bill, billId }) => {
      await keep(mother)
      const visitor = await openVisitor(browser)
      const { page, tap } = visitor
      await visitor.context.addCookies([...mother.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      await page.goto(product.url + bill)
      await tap('text=对账单有疑问')
      assert.deepEqual(await axeOn(page), [])
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/dispute-form.png`, fullPage: true })
      await page.getByLabel('抄表读数不对').tap()
      await page.getByLabel('补充说明').fill('表上现在是 1234')
      await tap('text=提交申请')
      assert.equal(visitor.taps() + 1, 3)
      await page.getByText('收费单位正在核对').waitFor()
      assert.deepEqual(await axeOn(page), [])
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/dispute-open.png`, fullPage: true })
      await page.goto(product.url + bill)
      await page.getByText('可以等答复再缴').waitFor()
      assert.equal(await page.getByText('对账单有疑问').count(), 0)
      await page.getByRole('button', { name: '确认支付' }).waitFor()
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/dispute-bill.png`, fullPage: true })

      const gas = await withGas(product)
      const foreign = await signInAs(gas, 'biller', 'gas')
      assert.equal((await foreign.browser.get(`/staff/bills/${billId}/dispute`)).status, 404)
      assert.match(textOf((await foreign.browser.get('/staff/disputes')).text), /没有待核对的账单/)
      const own = await signInAs(product, 'biller', 'water')
      const list = await own.browser.get('/staff/disputes')
      assert.match(textOf(list.text), /账单核对，1件待答复[\s\S]*抄表读数不对[\s\S]*252\.50/)
      const answer = `/staff/bills/${billId}/dispute/answer`
      const one = await own.browser.get(`/staff/bills/${billId}/dispute`)
      assert.match(textOf(one.text), /表上现在是 1234/)
      const wrong = await own.browser.submit(one, answer, { answer: '读数录错了' })
      assert.equal(wrong.status, 422)
      assert.match(wrong.text, /读数录错了/, 'nothing typed is lost')
      assert.equal((await own.browser.submit(wrong, answer, { decision: 'uphold', answer: '读数录错了，会重开。' })).status, 303)
      assert.match(textOf((await own.browser.get('/staff/disputes?notice=answered')).text), /已答复[\s\S]*没有待核对的账单/)
      const late = await own.browser.submit(one, answer, { decision: 'keep', answer: '没问题' })
      assert.match(late.location ?? '', /answered_before/)

      await page.goto(`${product.url + bill}/dispute`)
      await page.getByText('账单确实有误').waitFor()
      await page.getByText('读数录错了，会重开。').waitFor()
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/dispute-upheld.png`, fullPage: true })
      await page.goto(product.url + bill)
      await page.getByText('请等更正后再缴').waitFor()
      await queryIn(product.kernel, 'update billing.bill set amount_fen = 20000 where id = $1', [billId])
      await page.goto(`${product.url + bill}/dispute`)
      await page.getByText('账单已经更正').waitFor()
      await visitor.close()
    }),
)

test(
  'who has not signed in or does not keep the account is told what to do first; a clerk asks for somebody at the window',
  {
    timeout: 120_000,
  },
  () =>
    atHome(async ({ product, mother, bill, billId }) => {
      const path = `${bill}/dispute`
      const stranger = plainBrowser(product.url)
      assert.match(textOf((await stranger.get(path)).text), /先用手机号登录/)
      assert.match(textOf((await mother.get(path)).text), /先把这个户号加到/)
      const csrf = csrfOf(await mother.get('/prefs'))
      assert.equal((await mother.post(path, { csrf, reason: 'amount' })).location, path, 'nothing is asked yet')
      assert.equal((await mother.post(path, { reason: 'amount' })).status, 403, 'without the token of the form')
      const count = async () =>
        (await queryIn(product.kernel, `select count(*)::int as n from billing.dispute where state = 'open'`)).rows[0].n
      assert.equal(await count(), 0)
      await keep(mother)
      const form = await mother.get(path)
      assert.equal((await mother.submit(form, path, { note: '\ud800长'.padEnd(600, '长') })).status, 422)
      assert.equal((await mother.submit(form, path, { reason: 'nonsense' })).status, 422)
      const asked = { reason: 'amount', note: '\ud800' }
      await Promise.all([mother.submit(form, path, asked), mother.submit(await mother.get(path), path, asked)])
      assert.equal(await count(), 1)
      assert.equal((await mother.submit(await mother.get(path), `${path}/withdraw`, {})).status, 303)
      assert.equal(await count(), 0)

      const clerk = await signInAs(product, 'clerk')
      const desk = `/staff/bills/${billId}/dispute`
      assert.match((await clerk.browser.get(`/staff/bills/${billId}`)).text, /替居民申请核对/)
      const page = await clerk.browser.get(desk)
      assert.equal((await clerk.browser.submit(page, desk, {})).status, 422)
      assert.equal((await clerk.browser.submit(page, desk, { reason: 'not_mine' })).location, `${desk}?notice=asked`)
      assert.equal(await count(), 1)
      assert.doesNotMatch((await clerk.browser.get(desk)).text, /dispute\/answer/, 'clerks do not answer')
      assert.equal((await clerk.browser.post(`${desk}/answer`, { csrf: csrfOf(page), decision: 'keep', answer: 'x' })).status, 403)
      assert.equal((await clerk.browser.get('/staff/disputes')).status, 403)
      const boss = await signInAs(product, 'manager')
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
      await context.addCookies([...boss.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
      const shown = await context.newPage()
      for (const [name, at] of [
        ['desk-disputes', '/staff/disputes'],
        ['desk-dispute', desk],
        ['desk-bill', `/staff/bills/${billId}`],
      ] as const) {
        await shown.goto(product.url + at)
        assert.deepEqual(await axeOn(shown), [], at)
        if (SHOTS) await shown.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true })
      }
      await context.close()
      const it = await boss.browser.get(desk)
      assert.equal((await boss.browser.submit(it, `${desk}/answer`, { decision: 'keep', answer: '户主确是本户。' })).status, 303)
      assert.match(textOf((await clerk.browser.get(desk)).text), /核对无误[\s\S]*户主确是本户/)
      // The record follows a moment later.
      await until('the entry', async () => /账单核对已答复/.test((await clerk.browser.get(`/staff/bills/${billId}`)).text))
    }),
)
