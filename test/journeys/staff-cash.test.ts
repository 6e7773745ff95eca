import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { roles } from '#modules/identity/index.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { type Desk, faultsInBooks, signInAs, startPaying } from '../abuse/support.ts'
import { cursor } from '../support/browser.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

const billPath = async (product: Product, code: string): Promise<string> => {
  const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [code])
  return `/staff/cash/bills/${rows[0].id}`
}
const openAs = async (product: Product, drawer: string, pieces: Record<string, string> = {}): Promise<Desk> => {
  const desk = await signInAs(product, 'clerk')
  const opened = await desk.browser.post('/staff/cash/open', { csrf: desk.csrf, drawer, ...pieces })
  assert.equal(opened.location, '/staff/cash?notice=opened', textOf(opened.text))
  return desk
}

test('a payer with cash is served from the keyboard alone in under 45 s: scan, amount, change, next', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(5_250)
    const next = await product.issueBill(1_000)
    const desk = await openAs(product, 'A1', { d1000: '5' })
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'zh-CN', reducedMotion: 'reduce' })
    context.setDefaultTimeout(10_000)
    await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
    const page = await context.newPage()
    await page.goto(`${product.url}/staff/cash`)
    const began = performance.now()
    let presses = 0
    // A scanner types the address in the code and ends with Enter; every field to type into has the focus already.
    const type = async (text: string) => {
      await cursor(page)
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
      presses++
    }
    await type(`${product.url}/b/${code}`)
    await page.waitForURL('**/staff/cash/bills/**')
    await type('100')
    await page.waitForURL('**/staff/cash/done/**')
    const shown = textOf((await page.textContent('main')) ?? '')
    assert.match(shown, /找零\s*¥\s*47\.50[\s\S]*收到100\.00元，应收52\.50元/)
    await type(`${product.url}/b/${next}`)
    await page.waitForURL('**/staff/cash/bills/**')
    assert.ok(performance.now() - began < 45_000)
    assert.equal(presses, 3)
    await context.close()
    const slip = await desk.browser.get(
      /href="(\/staff\/orders\/[^"]+\/print-80)"/.exec((await desk.browser.get(page.url())).text)?.[1] ?? '/staff/cash',
    )
    assert.equal(slip.status, 200)
    assert.doesNotMatch(slip.text, /补打/, 'what the payer waits for is no copy')
    const { rows } = await queryIn(product.kernel, 'select state, place, paid_fen from payments."order"')
    assert.deepEqual(rows, [{ state: 2, place: 'window', paid_fen: 5_250 }])
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('the money is taken once: too little, twice at once, two windows, paid on a phone meanwhile', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const [one, two] = [await openAs(product, 'A1'), await openAs(product, 'B2')]
    const busy = await signInAs(product, 'clerk')
    const taken = await busy.browser.post('/staff/cash/open', { csrf: busy.csrf, drawer: 'A1' })
    assert.equal(taken.status, 422)
    assert.match(textOf(taken.text), /有人在用/)
    const path = await billPath(product, await product.issueBill(5_250))
    const form = await one.browser.get(path)
    for (const [tendered, words] of [
      ['', /请写收到多少钱/],
      ['50', /不够，应收52\.50元/],
      ['1e4', /请写收到多少钱/],
      ['-60', /请写收到多少钱/],
    ] as const) {
      const answer = await one.browser.submit(form, path, { tendered })
      assert.equal(answer.status, 422, tendered)
      assert.match(textOf(answer.text), words)
    }
    const other = await two.browser.get(path)
    const answers = await Promise.all([
      one.browser.submit(form, path, { tendered: '60' }),
      one.browser.submit(form, path, { tendered: '60' }),
      two.browser.submit(other, path, { tendered: '60' }),
    ])
    const done = answers.filter(a => a.status === 303)
    assert.ok(done.length >= 1 && new Set(done.map(a => a.location)).size === 1, JSON.stringify(answers.map(a => [a.status, a.location])))
    const { rows } = await queryIn(product.kernel, 'select amount_fen as fen from payments.cash_move')
    assert.deepEqual(rows, [{ fen: 5_250 }])
    assert.match(textOf((await two.browser.get(path)).text), /已经缴过，不用再收/)
    const started = await startPaying(product, 700)
    assert.match(textOf((await one.browser.get(await billPath(product, started.bill))).text), /有人正在手机上缴/)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('a void takes two people, opens the bill again and is paid out once; the turn ends with a blind count', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const clerk = await openAs(product, 'A1', { d5000: '2', d50: '10' })
    const { browser: desk, csrf } = clerk
    const path = await billPath(product, await product.issueBill(5_250))
    const keep = await billPath(product, await product.issueBill(3_000))
    const order = (await desk.submit(await desk.get(path), path, { tendered: '52.5' })).location!.split('/').at(-1)!
    assert.equal((await desk.submit(await desk.get(keep), keep, { tendered: '30' })).status, 303)
    const ask = `/staff/cash/void/${order}`
    const form = await desk.get(ask)
    assert.match(textOf((await desk.submit(form, ask, { reason: ' ' })).text), /请写为什么作废/)
    assert.equal((await desk.submit(form, ask, { reason: '收错了人' })).location, '/staff/cash?notice=void_asked')
    const stranger = await openAs(product, 'B2')
    assert.equal((await stranger.browser.get(ask)).status, 404, "another cashier's payment")
    const approver = await signInAs(product, 'approver')
    const list = await approver.browser.get('/staff/refunds')
    assert.match(textOf(list.text), /现金作废[\s\S]*收错了人[\s\S]*52\.50/)
    const action = `/staff/voids/${order}`
    assert.equal((await clerk.browser.post(action, { csrf, act: 'agree' })).status, 403)
    assert.equal((await approver.browser.submit(list, action, { act: 'agree' })).location, '/staff/refunds?notice=void_agreed')
    assert.equal((await approver.browser.submit(list, action, { act: 'agree' })).location, '/staff/refunds?notice=decided_before')
    assert.deepEqual(await faultsInBooks(product), [])
    const waiting = await desk.get('/staff/cash')
    assert.match(textOf(waiting.text), /待付出的现金[\s\S]*现金作废[\s\S]*52\.50/)
    const paidOut = await Promise.all([1, 2].map(() => desk.submit(waiting, '/staff/cash/payout')))
    assert.deepEqual(paidOut.map(a => a.location).sort(), ['/staff/cash?notice=paid_out', '/staff/cash?notice=payout_gone'])
    assert.match((await desk.get(path)).text, /name="tendered"/, 'the bill is open again')

    const close = await desk.get('/staff/cash/close')
    assert.doesNotMatch(textOf(close.text), /135|30\.00/, 'the count is blind')
    assert.match(textOf((await desk.submit(close, '/staff/cash/close', { d5000: 'two' })).text), /张数要写整数/)
    // Float 105.00, taken 30.00: five yuan are missing.
    const ended = await desk.submit(close, '/staff/cash/close', { d10000: '1', d1000: '3' })
    const turn = await desk.get(ended.location!)
    assert.match(textOf(turn.text), /短款5\.00元[\s\S]*底钱 105\.00[\s\S]*收付相抵 30\.00[\s\S]*应有 135\.00[\s\S]*实点 130\.00/)
    assert.equal((await desk.submit(close, '/staff/cash/close', { d10000: '1' })).status, 409)
    assert.match((await desk.get('/staff/cash')).text, /name="drawer"[^>]*value="A1"|value="A1"[^>]*name="drawer"/)
    const manager = await signInAs(product, 'manager')
    assert.match(textOf((await manager.browser.get('/staff/cash-turns')).text), /A1[\s\S]*短款5\.00元/)
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('who may take cash and who may see the turns, by role', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (const role of roles) {
      const desk = await signInAs(product, role)
      const mayTake = role === 'clerk'
      for (const path of ['/staff/cash', '/staff/cash/close'])
        assert.equal((await desk.browser.get(path)).status, mayTake ? (path === '/staff/cash' ? 200 : 303) : 403, `${role} ${path}`)
      const bill = await billPath(product, await product.issueBill(100))
      assert.equal((await desk.browser.get(bill)).status, mayTake ? 303 : 403, `${role} bill`)
      for (const path of [bill, '/staff/cash/payout', '/staff/cash/close', `/staff/cash/void/${product.ctx.requestId}`])
        assert.equal(
          (await desk.browser.post(path, { csrf: desk.csrf, reason: 'x' })).status,
          mayTake ? (path === bill ? 303 : 409) : 403,
          `${role} posts ${path}`,
        )
      const mayRead = ['manager', 'operator-audit'].includes(role)
      assert.equal((await desk.browser.get('/staff/cash-turns')).status, mayRead ? 200 : 403, `${role} turns`)
    }
    assert.equal((await queryIn(product.kernel, 'select from payments.cash_move')).rowCount, 0)
  }),
)

test('bills a window looks up and nobody pays stand out to who answers for the drawers, with their figures', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const [odd, usual] = [await openAs(product, 'A1'), await openAs(product, 'B2')]
    await queryIn(
      product.kernel,
      `insert into billing.journey (tenant_id, id, visitor, bill_id, place, way, begun_at, staff_id)
       select 1, (lpad(to_hex((extract(epoch from now() - interval '2 hours') * 1000)::bigint), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
         '\\x00', gen_random_uuid(), 'window', 'desk', now() - interval '2 hours', case when n <= 60 then $1::uuid else $2::uuid end
       from generate_series(1, 62) n`,
      [odd.id, usual.id],
    )
    const manager = await signInAs(product, 'manager')
    const page = textOf((await manager.browser.get('/staff/cash-turns')).text)
    assert.match(page, /窗口收款要看一看[\s\S]*近7天查了60张账单，60张没有缴也一直没人缴（100\.0%，别的窗口\d\.\d%）/)
    assert.match(textOf((await manager.browser.get('/staff/console')).text), /窗口收款要看一看 1/)
  }),
)
