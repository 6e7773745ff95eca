import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { roles } from '#modules/identity/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, payInWallet, signInAs, until, withInspector } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { type KioskBrowser, kioskCode, openKiosk, payWithPhone, upright } from '../support/kiosk.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const rows = async (product: Product, sql: string): Promise<Record<string, unknown>[]> => (await queryIn(product.kernel, sql)).rows
const orders = (product: Product) => rows(product, 'select state, place, paid_fen as fen from payments."order" order by created_at')
const at = ({ page }: KioskBrowser, name: string) => page.waitForSelector(`.kiosk--${name}`)
const words = async ({ page }: KioskBrowser) => (await page.locator('body').ariaSnapshot()).replace(/\s+/g, ' ')

async function clean({ page }: KioskBrowser, where: string): Promise<void> {
  assert.deepEqual(await axeOn(page), [], where)
}

for (const channel of ['wechat', 'alipay'] as const)
  test(`scanned, paid by ${channel} and printed in two taps and the wallet; then nothing of it is left`, { timeout: 120_000 }, () =>
    withProduct(async product => {
      const kiosk = await openKiosk(browser, product)
      const { page } = kiosk
      const began = performance.now()
      await kiosk.scan(await product.issueBill(13_195))
      await at(kiosk, 'check')
      assert.match(await words(kiosk), /131\.95/)
      await clean(kiosk, 'check')
      await kiosk.tap(`button[value="${channel}"]`)
      await at(kiosk, 'pay')
      await clean(kiosk, 'pay')
      await payWithPhone(product, channel, payInWallet)
      await at(kiosk, 'done')
      assert.match(await words(kiosk), /缴好了[\s\S]*YM-\d{8}-000001/)
      await clean(kiosk, 'done')
      await page.evaluate(() => {
        window.print = () => document.documentElement.setAttribute('data-printed', '1')
      })
      await page.locator('[data-slip]').tap()
      assert.equal(await page.getAttribute('html', 'data-printed'), '1')
      assert.ok(kiosk.taps() + 1 <= 2, `${kiosk.taps() + 1} taps`)
      assert.ok(performance.now() - began < 30_000)
      await until('the slip to be counted', async () => (await rows(product, 'select slips from identity.device'))[0]?.slips === 1)
      await page.emulateMedia({ media: 'print' })
      assert.equal(await page.locator('.paper').isVisible(), true)
      assert.equal(await page.locator('.kiosk__foot').isVisible(), false, 'only the slip is on the paper')
      await page.emulateMedia({ media: 'screen' })
      assert.equal(await page.locator('.paper').isVisible(), false)
      assert.deepEqual(await orders(product), [{ state: 2, place: 'kiosk', fen: 13_195 }])
      assert.deepEqual(await faultsInBooks(product), [])

      await page.evaluate(() => sessionStorage.setItem('left', 'behind'))
      const copied = (await kiosk.context.cookies()).find(cookie => cookie.name === 'yimen_kiosk')
      await page.locator('button:has-text("完成")').tap()
      await at(kiosk, 'start')
      const kept = await page.evaluate(() => ({ session: sessionStorage.length, local: localStorage.length, cookies: document.cookie }))
      assert.deepEqual(kept, { session: 0, local: 0, cookies: '' })
      assert.equal(
        (await kiosk.context.cookies()).some(cookie => cookie.name === 'yimen_kiosk'),
        false,
      )
      for (let back = 0; back < 4; back++) {
        await page.goBack().catch(() => undefined)
        // Before the first screen there is only where the machine joined.
        if (page.url().endsWith('/enrol')) break
        await at(kiosk, 'start')
        assert.doesNotMatch(await words(kiosk), /131\.95|YM-/)
      }
      // Not even with what its browser held: the server ended the visit.
      await kiosk.context.addCookies([{ ...copied!, expires: Date.now() / 1000 + 600 }])
      for (const path of ['done', 'check', 'pay', 'bills', 'resume']) {
        await page.goto(`${product.url}/kiosk/${path}`)
        await at(kiosk, 'start')
      }
      await kiosk.close()
    }),
  )

test('a number typed on the pad leads to its bills, another wallet can be taken, and giving up frees the bill', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const bill = await product.issueBill(5_250)
    const NUMBER = '1045333141'
    await queryIn(product.kernel, 'update billing.account set account_no = $1', [NUMBER])
    const kiosk = await openKiosk(browser, product)
    const { page } = kiosk
    await kiosk.tap('a[href="/kiosk/number"]')
    await at(kiosk, 'biller')
    await clean(kiosk, 'biller')
    await kiosk.tap('a[href*="biller=water"]')
    await clean(kiosk, 'number')
    await page.locator('[data-key="9"]').tap()
    await page.locator('[data-key="back"]').tap()
    await kiosk.tap('.padform .btn--big')
    assert.match(await words(kiosk), /错误：/)
    for (const digit of NUMBER) await page.locator(`[data-key="${digit}"]`).tap()
    assert.equal(await page.inputValue('#account'), NUMBER)
    await kiosk.tap('.padform .btn--big')
    await at(kiosk, 'check')
    await kiosk.tap('button[value="alipay"]')
    await at(kiosk, 'pay')
    await kiosk.tap('button:has-text("换用微信")')
    await at(kiosk, 'pay')
    assert.match(await words(kiosk), /微信/)
    assert.deepEqual(
      (await orders(product)).map(order => order.state),
      [3, 1],
    )
    await kiosk.tap('button:has-text("不付了")')
    await at(kiosk, 'check')
    await kiosk.tap('button[value="alipay"]')
    await at(kiosk, 'pay')
    await page.locator('.wipe button').tap()
    await at(kiosk, 'start')
    assert.deepEqual(
      (await orders(product)).map(order => order.state),
      [3, 3, 3],
    )
    await kiosk.scan(bill)
    await at(kiosk, 'check')
    assert.equal(await page.locator('button[value="wechat"]').count(), 1, 'free for the next person')
    await kiosk.close()
  }),
)

test('the network drops while paying: it says that it makes sure, never that it failed, and goes on by itself', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const kiosk = await openKiosk(browser, product)
    const { page, context } = kiosk
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    await kiosk.scan(await product.issueBill(7_700))
    await kiosk.tap('button[value="wechat"]')
    await at(kiosk, 'pay')
    await context.setOffline(true)
    await page.waitForSelector('dialog#offline[open]')
    assert.match(await words(kiosk), /正在确认，请不要再付/)
    assert.doesNotMatch(await words(kiosk), /失败|没有付成/)
    await clean(kiosk, 'offline')
    await payWithPhone(product, 'wechat', payInWallet)
    await until('the payment', async () => (await orders(product))[0]?.state === 2)
    await context.setOffline(false)
    await at(kiosk, 'done')
    assert.deepEqual(await orders(product), [{ state: 2, place: 'kiosk', fen: 7_700 }])

    // Pressed in the very moment it drops: the page that is kept says so, and leads back to where one was.
    await page.locator('button:has-text("完成")').tap()
    await at(kiosk, 'start')
    await kiosk.scan(await product.issueBill(3_300))
    await at(kiosk, 'check')
    await context.setOffline(true)
    await page.evaluate(() => document.querySelector<HTMLFormElement>('.kiosk__ways')?.submit())
    await at(kiosk, 'offline')
    assert.match(await words(kiosk), /网络断了[\s\S]*No network/)
    await clean(kiosk, 'offline page')
    await context.setOffline(false)
    await at(kiosk, 'check')
    assert.equal((await orders(product)).length, 1, 'nothing was begun')
    assert.deepEqual(await faultsInBooks(product), [])
    await kiosk.close()
  }),
)

test('nobody there: it asks after 45 s, counts 15 s and takes everything away, in the language it began in', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const kiosk = await openKiosk(browser, product)
    const { page } = kiosk
    await page.clock.install()
    await kiosk.tap('button[value="en"]')
    await kiosk.tap('button[value="elder"]')
    await kiosk.scan(await product.issueBill(6_600))
    await at(kiosk, 'check')
    await page.clock.runFor(44_000)
    assert.equal(await page.locator('dialog#idle[open]').count(), 0)
    await page.clock.runFor(2_000)
    await page.waitForSelector('dialog#idle[open]')
    assert.match(await words(kiosk), /Are you still there\?/)
    await clean(kiosk, 'idle')
    await page.locator('[data-stay]').tap()
    await page.clock.runFor(44_000)
    assert.equal(await page.locator('dialog#idle[open]').count(), 0, 'one touch begins the time anew')
    await page.clock.runFor(17_000)
    await at(kiosk, 'start')
    assert.match(await words(kiosk), /您好/)
    assert.equal(await page.getAttribute('html', 'data-elder'), null)
    // While a code to pay is on the screen it waits longer, then gives the order up.
    await kiosk.scan(await product.issueBill(8_800))
    await kiosk.tap('button[value="wechat"]')
    await at(kiosk, 'pay')
    await page.clock.runFor(170_000)
    assert.equal(await page.locator('dialog#idle[open]').count(), 0)
    await page.clock.runFor(26_000)
    await at(kiosk, 'start')
    assert.deepEqual(
      (await orders(product)).map(order => order.state),
      [3],
    )
    await kiosk.close()
  }),
)

test('help is called once, the clerk who comes is shown, and a machine taken out of use is out within 5 s', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const kiosk = await openKiosk(browser, product)
    const { page } = kiosk
    await kiosk.tap('.kiosk__foot form:last-child button')
    await kiosk.tap('.kiosk__foot form:last-child button')
    assert.match(await words(kiosk), /已通知，请稍等/)
    const clerk = await signInAs(product, 'clerk')
    const list = await clerk.browser.get('/staff/help-calls')
    assert.match(list.text.replace(/<[^>]+>/g, ' '), /1号机 · 一楼大厅/)
    assert.equal((list.text.match(/name="act" value="take"/g) ?? []).length, 1, 'one call')
    const call = /name="call" value="([^"]+)"/.exec(list.text)![1]!
    const other = await signInAs(product, 'clerk')
    assert.equal((await clerk.browser.post('/staff/help-calls', { csrf: clerk.csrf, call, act: 'take' })).location, '/staff/help-calls')
    assert.match((await other.browser.post('/staff/help-calls', { csrf: other.csrf, call, act: 'take' })).location ?? '', /taken_before/)
    await page.waitForFunction(() => /\*\*马上来/.test(document.querySelector('[data-help]')?.textContent ?? ''))
    assert.equal((await clerk.browser.post('/staff/help-calls', { csrf: clerk.csrf, call, act: 'end' })).status, 303)
    await page.waitForFunction(() => document.querySelector('[data-help]')?.textContent === '叫人帮忙')

    const manager = await signInAs(product, 'manager')
    const began = performance.now()
    assert.equal((await manager.browser.post('/staff/devices/revoke', { csrf: manager.csrf, device: kiosk.id })).status, 303)
    await at(kiosk, 'out')
    assert.ok(performance.now() - began < 5_000)
    await kiosk.close()
  }),
)

test(
  'a cookie copied to another browser proves nothing: no page without the key, and its tries are on the trail',
  { timeout: 120_000 },
  () =>
    withProduct(async product => {
      const kiosk = await openKiosk(browser, product)
      const cookies = await kiosk.context.cookies()
      const token = cookies.find(cookie => cookie.name === 'yimen_device')!
      assert.ok(token.httpOnly)
      const thief = await browser.newContext({ ...upright, locale: 'zh-CN' })
      await thief.addCookies([token])
      const page = await thief.newPage()
      await page.goto(`${product.url}/kiosk`)
      await page.waitForSelector('.kiosk--proof [data-proof-failed]:not([hidden])')
      const plain = plainBrowser(product.url)
      for (const { name, value } of cookies) plain.cookies.set(name, value)
      const { challenge } = JSON.parse((await plain.get('/kiosk/challenge')).text) as { challenge: string }
      const state = JSON.stringify({ page: 'start', version: '', offline_ms: 0, queue: 0 })
      const signature = Buffer.alloc(64, 1).toString('base64')
      const beat = (body: object) =>
        fetch(`${product.url}/kiosk/beat`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', cookie: [...plain.cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
          body: JSON.stringify(body),
        })
      for (const body of [{ challenge, state, signature }, { challenge, state }, {}, []]) assert.equal((await beat(body)).status, 401)
      plain.cookies.delete('yimen_device_pass')
      for (const path of ['/kiosk', '/kiosk/check', '/kiosk/pay', '/kiosk/done', '/kiosk/live'])
        assert.match((await plain.get(path)).text, /kiosk--proof/, path)
      await withInspector(product, async see => {
        await until('the refusals on the trail', async () => (await see.refusals()) >= 4)
      })
      plain.cookies.clear()
      const stranger = await plain.get('/kiosk/check')
      assert.deepEqual([stranger.status, /kiosk--out/.test(stranger.text)], [403, true])
      await thief.close()
      await kiosk.close()
    }),
)

test('who may let machines join, see them, and go where somebody waits, by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const { id } = await kioskCode(product)
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const maySee = ['manager', 'operator-system', 'operator-audit'].includes(role)
      const mayManage = ['manager', 'operator-system'].includes(role)
      const mayGo = ['clerk', 'approver', 'manager'].includes(role)
      const list = await desk.browser.get('/staff/devices')
      assert.equal(list.status, maySee ? 200 : 403, role)
      assert.equal(/name="title"/.test(list.text), mayManage, role)
      assert.equal((await desk.browser.get('/staff/help-calls')).status, mayGo ? 200 : 403, role)
      assert.equal((await desk.browser.get('/staff/help-calls/live?seen=x')).status, mayGo ? 200 : 403, role)
      const posts: [string, Record<string, string>, number][] = [
        ['/staff/devices', { title: '2号机', place: '' }, mayManage ? 200 : 403],
        ['/staff/devices/code', { device: id }, mayManage ? 200 : 403],
        ['/staff/devices/paper', { device: id }, mayManage ? 303 : 403],
        ['/staff/devices/revoke', { device: '00000000-0000-7000-8000-000000000000' }, mayManage ? 404 : 403],
        ['/staff/help-calls', { call: id, act: 'take' }, mayGo ? 404 : 403],
        ['/staff/help-calls', { call: id, act: 'end' }, mayGo ? 404 : 403],
      ]
      for (const [path, fields, status] of posts)
        assert.equal((await desk.browser.post(path, { csrf: desk.csrf, ...fields })).status, status, `${role} ${path}`)
    }
    const manager = await signInAs(product, 'manager')
    const wrong = await manager.browser.post('/staff/devices', { csrf: manager.csrf, title: ' ', place: '' })
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /请写名称/)
  }),
)
