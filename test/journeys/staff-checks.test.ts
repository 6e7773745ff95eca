import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { newId } from '#kernel/id.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { renderCheckFile } from '#modules/billing/index.ts'
import { type Role, roles } from '#modules/identity/index.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { signInAs } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'
import { upload } from '../support/upload.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
const PATH = '/staff/check-files'

/** A file of a day gone by in which the biller states what nobody told it of. */
function fileOf({ kernel }: Product, amounts: readonly number[]): { day: string; bytes: Buffer } {
  const day = addDays(dayOf(kernel.clock.now()), -2)
  const rows = amounts.map((amountFen, i) => ({
    ...{ postingNo: newId(kernel.clock, kernel.random), billNo: `W${i}`, accountNo: '1045333141', amountFen },
    ...{ isReversed: false, paidAt: `${day}T01:00:00.000Z` },
  }))
  return { day, bytes: renderCheckFile(day, rows) }
}

test('a file is brought, and its differences are worked off from the keyboard: two keys each', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const manager = await signInAs(product, 'manager')
    const { day, bytes } = fileOf(product, [500, 600, 700])
    const bad = [
      ['cut', bytes.subarray(0, bytes.length - 3), /不完整或被改过/],
      ['changed', Buffer.from(bytes.toString().replace('|500|', '|501|')), /不完整或被改过/],
      ['no text', Buffer.from([0xff, 0xff, 0x0a]), /不是文字/],
      ['none', Buffer.alloc(0), /请选账单文件/],
    ] as const
    for (const [what, file, words] of bad) {
      const answer = await upload(product, manager, PATH, { biller: 'water' }, { name: 'a.txt', bytes: file })
      assert.equal(answer.status, 422, what)
      assert.match(textOf(answer.text), words, what)
    }
    assert.match((await upload(product, manager, PATH, {}, { name: 'a.txt', bytes })).text, /请选收费单位/)
    const brought = await upload(product, manager, PATH, { biller: 'water' }, { name: 'a.txt', bytes })
    assert.equal(brought.location, '/staff/checks?notice=taken')
    const again = await upload(product, manager, PATH, { biller: 'water' }, { name: 'a.txt', bytes })
    assert.equal(again.location, '/staff/checks?notice=known')
    const list = await manager.browser.get('/staff/checks')
    assert.match(textOf(list.text), /等人处理的差异（3笔）[\s\S]*收费单位多报了[\s\S]*18\.00/)
    const kept = /href="(\/staff\/check-files\/[^"]+)"/.exec(list.text)![1]!
    assert.equal((await manager.browser.get(kept)).text, bytes.toString())
    assert.match(textOf(list.text), new RegExp(`${Number(day.slice(8))}日`))

    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
    await context.addCookies([...manager.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const page = await context.newPage()
    page.setDefaultTimeout(10_000)
    const began = performance.now()
    await page.goto(`${product.url}/staff/checks`)
    for (const url of [page.url()])
      assert.deepEqual(
        (await new AxeBuilder({ page }).analyze()).violations.map(v => `${url} ${v.id}`),
        [],
      )
    await page.locator('a[href^="/staff/checks/"]').first().focus()
    let keys = 0
    const press = async (key: string) => {
      keys++
      await page.keyboard.press(key)
    }
    await press('Enter')
    await page.waitForURL(/\/staff\/checks\/[0-9a-f-]+$/)
    assert.deepEqual(
      (await new AxeBuilder({ page }).analyze()).violations.map(v => v.id),
      [],
    )
    for (let left = 3; left > 0; left--) {
      const at = page.url()
      await press('Space')
      await press('Enter')
      await page.waitForURL(url => url.href !== at && url.search === '?notice=resolved')
    }
    assert.match((await page.textContent('main'))!, /已处理[\s\S]*没有差异/)
    assert.equal(keys, 1 + 3 * 2)
    assert.ok(performance.now() - began < 30_000)
    await context.close()
  }),
)

test('who may see and decide about check files, by role; a biller sees its own', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const { bytes } = fileOf(product, [500])
    const manager = await signInAs(product, 'manager')
    assert.ok((await upload(product, manager, PATH, { biller: 'water' }, { name: 'a.txt', bytes })).location)
    const list = await manager.browser.get('/staff/checks')
    const one = /\/staff\/checks\/[0-9a-f-]{36}/.exec(list.text)![0]
    const kept = /\/staff\/check-files\/[0-9a-f-]{36}/.exec(list.text)![0]
    const readers: Role[] = ['manager', 'approver', 'operator-audit', 'biller']
    for (const role of roles) {
      const desk = role === 'biller' ? await signInAs(product, role, 'water') : await signInAs(product, role)
      const may = readers.includes(role)
      for (const path of ['/staff/checks', one, kept])
        assert.equal((await desk.browser.get(path)).status, may ? 200 : 403, `${role} ${path}`)
      const mayDecide = role === 'manager' || role === 'approver'
      assert.equal((await desk.browser.post(one, { csrf: desk.csrf, reason: '' })).status, mayDecide ? 422 : 403, `${role} decides`)
      assert.equal((await upload(product, desk, PATH, {})).status, mayDecide ? 422 : 403, `${role} uploads`)
    }
    for (const path of ['/staff/checks/x', `/staff/checks/${product.ctx.requestId}`, '/staff/check-files/x'])
      assert.equal((await manager.browser.get(path)).status, 404, path)
  }),
)
