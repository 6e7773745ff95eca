import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { roles } from '#modules/identity/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { pay, signInAs } from '../abuse/support.ts'
import { withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test('the report of a month: every day with its money, the books at its end, on page, on paper and as a file', { timeout: 120_000 }, () =>
  withProduct(async product => {
    await pay(product, 5_250)
    await pay(product, 1_001)
    const manager = await signInAs(product, 'manager')
    const page = textOf((await manager.browser.get('/staff/month')).text)
    assert.match(page, /62\.51 62\.51 2 0\.00 0/)
    assert.match(page, /全月收缴62\.51元，2笔；退回0\.00元/)
    assert.match(page, /1012 渠道待清算 62\.51[\s\S]*2202 应付收费单位 [-−]62\.51[\s\S]*试算平衡：0\.00元/)
    const cookie = [...manager.browser.cookies].map(([k, v]) => `${k}=${v}`).join('; ')
    const pdf = await fetch(`${product.url}/staff/month.pdf`, { headers: { cookie } })
    assert.equal(pdf.headers.get('content-type'), 'application/pdf')
    const bytes = Buffer.from(await pdf.arrayBuffer())
    assert.equal(bytes.subarray(0, 5).toString(), '%PDF-')
    assert.match(bytes.toString('latin1'), /NotoSansSC|FontFile/, 'its fonts are inside')
    const rows = (await (await fetch(`${product.url}/staff/month.json`, { headers: { cookie } })).json()) as {
      collected: number
      wechat?: number
    }[]
    assert.deepEqual(
      rows.filter(row => row.collected > 0).map(row => [row.collected, row.wechat]),
      [[62.51, 62.51]],
    )
    for (const month of ['2026-13', '2099-01', 'x', '0000-00'])
      assert.equal((await manager.browser.get(`/staff/month?month=${month}`)).status, 404, month)
    assert.equal((await manager.browser.get('/staff/month?month=2026-10')).status, 200)

    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    await context.addCookies([...manager.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const tab = await context.newPage()
    for (const path of ['/staff/month', '/staff/console', '/staff/console/orders?outcome=paid']) {
      await tab.goto(product.url + path)
      assert.deepEqual(await axeOn(tab), [])
    }
    await context.close()
  }),
)

test('the report is for managers and auditors', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const may = role === 'manager' || role === 'operator-audit'
      for (const path of ['/staff/month', '/staff/month.pdf', '/staff/month.csv'])
        assert.equal((await desk.browser.get(path)).status, may ? 200 : 403, `${role} ${path}`)
    }
  }),
)
