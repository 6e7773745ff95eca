import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { judge } from '#app/verify.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments } from '#modules/payments/index.ts'
import { payInWallet } from '../abuse/support.ts'
import { hiddenFields, type Plain, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

const books = async (product: Product) =>
  [...(await checkLedger(product.kernel.db, 1)), ...(await checkPayments(product.kernel.db, 1))].filter(c => c.ok === false)

const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  for (let i = 0; i < 100; i++) {
    const found = await look()
    if (found) return found
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`waited in vain for ${what}`)
}

test('without JavaScript: scan, pay in the WeChat wallet, receipt that verifies offline', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const browser = plainBrowser(product.url)
    const code = await product.issueBill()
    const bill = await browser.get(`/b/${code}`)
    assert.equal(bill.status, 200)
    assert.match(bill.text, /131\.95/)
    const paying = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat' })
    assert.equal(paying.status, 303)
    const back = await payInWallet(paying.location!)
    const done = await browser.get(back)
    assert.match(done.text, /YM-\d{8}-000001/)
    const order = new URL(back).pathname
    const receipt = await until('the proof', async () => {
      const page = await browser.get(`${order}/receipt.json`)
      return page.status === 200 ? page : undefined
    })
    const verdict = judge(Buffer.from(receipt.text), [product.vkey])
    assert.equal(verdict.valid, true)
    const changed = receipt.text.replace('13195', '13196')
    assert.equal(judge(Buffer.from(changed), [product.vkey]).valid, false)
    const pdf = await fetch(`${product.url}${order}/receipt.pdf`)
    const file = join(mkdtempSync(join(tmpdir(), 'receipt-')), 'receipt.pdf')
    const bytes = Buffer.from(await pdf.arrayBuffer())
    writeFileSync(file, bytes)
    assert.equal(judge(bytes, [product.vkey]).valid, true)

    const again = await browser.get(`/b/${code}`)
    assert.match(again.text, new RegExp(order))
    const second = await browser.post(`/b/${code}/pay`, { ...hiddenFields(bill.text, `/b/${code}/pay`), way: 'wechat' })
    assert.notEqual(new URL(second.location ?? '/', product.url).host, new URL(product.sandbox.wechat.url).host)
    assert.deepEqual(await books(product), [])
  }),
)

test('two telephones at once: one order, the other is told that somebody is paying', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(8_800)
    const phones = [plainBrowser(product.url), plainBrowser(product.url)]
    const bills = await Promise.all(phones.map(phone => phone.get(`/b/${code}`)))
    const answers = await Promise.all(phones.map((phone, i) => phone.submit(bills[i]!, `/b/${code}/pay`, { way: 'wechat' })))
    assert.equal(answers.filter(a => a.status === 303 && a.location?.startsWith(product.sandbox.wechat.url)).length, 1)
    const other = answers.find(a => a.status !== 303)!
    assert.match(other.text, /有人正在付这张账单/)
    assert.deepEqual(await books(product), [])
  }),
)

test('a double click posts twice and opens one order', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(8_800)
    const browser = plainBrowser(product.url)
    const bill = await browser.get(`/b/${code}`)
    const answers = await Promise.all([1, 2, 3].map(() => browser.submit(bill, `/b/${code}/pay`, { way: 'wechat' })))
    assert.ok(answers.every(a => a.status === 303))
    const { rows } = await product.kernel.db.pool.query('select count(*)::int as orders from payments."order"')
    assert.equal(rows[0].orders, 1)
    const { rows: attempts } = await product.kernel.db.pool.query('select count(*)::int as attempts from payments.attempt')
    assert.equal(attempts[0].attempts, 1)
  }),
)

const WECHAT = 'Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0'

test('inside WeChat without script: how to open a browser, nothing placed, or a code to scan', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(8_800)
    const browser = plainBrowser(product.url, WECHAT)
    const bill = await browser.get(`/b/${code}`)
    const sent = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat' })
    assert.equal(sent.status, 303)
    const told = await browser.get(sent.location!)
    assert.equal(told.status, 200)
    // The browser it is then opened in comes to the bill.
    assert.equal((await plainBrowser(product.url).get(sent.location!)).location, `/b/${code}`)
    assert.match(told.text, /请用浏览器打开/)
    assert.match(told.text, /未扣款/)
    const { rows: none } = await product.kernel.db.pool.query('select count(*)::int as n from payments."order"')
    assert.equal(none[0].n, 0)
    const paying = await browser.submit(told, `/b/${code}/pay`, { way: 'wechat', by: 'code' })
    assert.equal(paying.status, 303)
    const wallet = await browser.get(paying.location!)
    assert.equal(wallet.status, 200)
    assert.match(wallet.text, /88\.00/)
    const { rows } = await product.kernel.db.pool.query('select product, state from payments.attempt_state')
    assert.deepEqual(rows, [{ product: 'native', state: 3 }])
  }),
)

/** Presses pay inside WeChat with script and follows to WeChat; answers the way back it gives. */
async function askedByWechat(product: Product, browser: Plain, code: string): Promise<URL> {
  const bill = await browser.get(`/b/${code}`)
  const away = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat', script: '1' })
  assert.equal(away.status, 303)
  assert.ok(away.location!.startsWith(`${product.sandbox.wechat.url}/connect/oauth2/authorize?`), away.location)
  assert.match(away.location!, /scope=snsapi_base/)
  const answered = await fetch(away.location!, { redirect: 'manual' })
  const back = new URL(answered.headers.get('location')!)
  assert.equal(back.origin + back.pathname, `${product.url}/b/${code}/wechat`)
  return back
}

const placed = async (product: Product) =>
  (await product.kernel.db.pool.query('select product from payments.attempt order by created_at')).rows.map(row => row.product as string)

test('the way back from WeChat counts once, in one browser, for one bill, for ten minutes', { timeout: 120_000 }, () => {
  let ahead_ms = 0
  const clock = { now: () => new Date(Date.now() + ahead_ms) }
  return withProduct(
    async product => {
      const [code, other] = [await product.issueBill(8_800), await product.issueBill(9_900)]
      const browser = plainBrowser(product.url, WECHAT)
      const back = await askedByWechat(product, browser, code)
      const path = back.pathname + back.search
      const refusedAs = async (who: Plain, where: string) => {
        const page = await who.get(where)
        assert.equal(page.status, 409, where)
        assert.match(page.text, /这次没有接着付/)
        assert.match(page.text, /未扣款/)
        assert.deepEqual(await placed(product), [])
      }
      const forged = new URLSearchParams(back.search)
      forged.set('state', '0'.repeat(26))
      await refusedAs(browser, `${back.pathname}?${forged}`)
      await refusedAs(browser, `${back.pathname}?code=${back.searchParams.get('code')}`)
      await refusedAs(browser, `/b/${other}/wechat${back.search}`)
      const stranger = plainBrowser(product.url, WECHAT)
      await stranger.get('/')
      await refusedAs(stranger, path)
      // The note of one browser opens in no other.
      stranger.cookies.set('yimen_wechat_return', browser.cookies.get('yimen_wechat_return')!)
      await refusedAs(stranger, path)
      ahead_ms = 601_000
      await refusedAs(browser, path)
      ahead_ms = 0

      const done = await browser.get(path)
      assert.equal(done.status, 303)
      assert.deepEqual(await placed(product), ['jsapi'])
      const bridge = await browser.get(done.location!)
      assert.match(bridge.text, /data-jsapi/)
      assert.equal(browser.cookies.get('yimen_wechat_return'), '')
      // Used: in this browser it leads to the order as it stands, and nothing is placed.
      const again = await browser.get(path)
      assert.equal(again.location, `/b/${code}`)
      assert.deepEqual(await placed(product), ['jsapi'])
      assert.ok(![...browser.cookies.values()].some(value => /^o[\w-]{20,}/.test(value)), 'no openid in plain')
      const { rows } = await product.kernel.db.pool.query(
        "select (select count(*) from trail.entry where canonical like '%openid%') + (select count(*) from payments.attempt a where a::text like '%openid%') as n",
      )
      assert.equal(Number(rows[0].n), 0)
      assert.deepEqual(await books(product), [])
    },
    { clock },
  )
})

test('when WeChat does not say who pays, the payment goes on with a code', { timeout: 120_000 }, () =>
  withProduct(async product => {
    for (const spoil of ['unknown', 'absent'] as const) {
      const code = await product.issueBill(8_800)
      const browser = plainBrowser(product.url, WECHAT)
      const back = await askedByWechat(product, browser, code)
      if (spoil === 'unknown') back.searchParams.set('code', 'neverissuedbefore')
      else back.searchParams.delete('code')
      const on = await browser.get(back.pathname + back.search)
      assert.equal(on.status, 303)
      assert.match((await browser.get(on.location!)).text, /88\.00/)
    }
    assert.deepEqual(await placed(product), ['native', 'native'])
    assert.deepEqual(await books(product), [])
  }),
)

test('a payer the wallet refuses is forgotten, and the payment goes on with a code', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(8_800)
    const browser = plainBrowser(product.url, WECHAT)
    const bill = await browser.get(`/b/${code}`)
    const { appid } = product.sandbox.wechat.config as unknown as { appid: string }
    const cell = `web|wechat_payer|${appid}|${browser.cookies.get('yimen_browser')}`
    const note = JSON.stringify({ openid: 'of-another-account', until: Date.now() + 60_000 })
    browser.cookies.set('yimen_wechat_payer', product.kernel.vault.seal(1, cell, note).toString('base64url'))
    const on = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat', script: '1' })
    assert.equal(on.status, 303)
    assert.match((await browser.get(on.location!)).text, /88\.00/)
    assert.deepEqual(await placed(product), ['jsapi', 'native'])
    assert.equal(browser.cookies.get('yimen_wechat_payer'), '')
    const { rows } = await product.kernel.db.pool.query('select state from payments."order" order by created_at')
    assert.deepEqual(
      rows.map(row => row.state),
      [3, 1],
    )
    assert.deepEqual(await books(product), [])
  }),
)
