import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { pay } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const SHOTS = process.env.YIMEN_SHOTS
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test(
  'the payments of a year: what was paid and what went back, as a page, on paper and as a file; of nobody else',
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      const year = Number(new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 4))
      const path = `/mine/payments/${year}`
      const paid = await pay(product, 8_640)
      const bill = await product.issueBill(1_500)
      // The same browser pays another and takes it back.
      const started = await paid.browser.submit(await paid.browser.get(`/b/${bill}`), `/b/${bill}/pay`, { way: 'wechat' })
      const wallet = await fetch(started.location!)
      const handle = /name="handle" value="([^"]*)"/.exec(await wallet.text())![1]!
      await fetch(new URL('/wallet/pay', wallet.url), { method: 'POST', body: new URLSearchParams({ handle, redirect_url: '' }) })
      const order = new URL(new URL(started.location!).searchParams.get('redirect_url')!).pathname
      assert.equal((await paid.browser.submit(await paid.browser.get(order), `${order}/undo`)).status, 303)
      let seen = await paid.browser.get(path)
      for (let i = 0; i < 50 && !seen.text.includes('实际支出'); i++) {
        await new Promise(resolve => setTimeout(resolve, 100))
        seen = await paid.browser.get(path)
      }
      assert.match(textOf(seen.text), /笔数 2 一共缴了 ¥101\.40 退回 −15\.00 实际支出 ¥86\.40/)
      const list = await paid.browser.get('/mine/payments')
      assert.match(list.text, new RegExp(`href="${path}"`))
      const file = await paid.browser.get(`${path}/payments.csv`)
      assert.match(file.text, /日期,缴了什么,收费单位,用户编号,收据号,金额,退回\r\n/)
      assert.match(file.text, /,86\.40,\r\n[\s\S]*,15\.00,15\.00\r\n/)
      for (const odd of ['1999', '9999', 'x', '0']) assert.equal((await paid.browser.get(`/mine/payments/${odd}`)).status, 200, odd)
      const stranger = plainBrowser(product.url)
      assert.match(textOf((await stranger.get(path)).text), /没有缴费/)
      assert.doesNotMatch((await stranger.get(`${path}/payments.csv`)).text, /86\.40/)
      for (const [name, width] of [
        ['phone', 375],
        ['desk', 1280],
      ] as const) {
        const context = await browser.newContext({ viewport: { width, height: 812 }, locale: 'zh-CN', reducedMotion: 'reduce' })
        await context.addCookies([...paid.browser.cookies].map(([key, value]) => ({ name: key, value, url: product.url })))
        const page = await context.newPage()
        await page.goto(`${product.url}${path}`)
        if (SHOTS) await page.screenshot({ path: `${SHOTS}/year-${name}.png`, fullPage: true })
        assert.deepEqual(await axeOn(page), [])
        if (name === 'phone') {
          await page.emulateMedia({ media: 'print' })
          assert.equal(await page.getByRole('link', { name: '下载表格' }).isVisible(), false)
          if (SHOTS) await page.screenshot({ path: `${SHOTS}/year-print.png`, fullPage: true })
        }
        await context.close()
      }
    }),
)
