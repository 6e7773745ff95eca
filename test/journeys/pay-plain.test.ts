import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { judge } from '#app/verify.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments } from '#modules/payments/index.ts'
import { hiddenFields, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

const books = async (product: Product) =>
  [...(await checkLedger(product.kernel.db, 1)), ...(await checkPayments(product.kernel.db, 1))].filter(c => c.ok === false)

/** The wallet's own page: press its pay button and come back to where it sends us. */
async function payInWallet(location: string): Promise<string> {
  const page = await fetch(location)
  const html = await page.text()
  const action = [...html.matchAll(/<form[^>]*action="([^"]*)"[\s\S]*?<\/form>/g)].map(m => m[0]).find(f => f.includes('确认付款'))!
  const target = new URL(/action="([^"]*)"/.exec(action)![1]!.replaceAll('&amp;', '&'), page.url)
  const fields = Object.fromEntries([...action.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map(m => [m[1]!, m[2]!]))
  const paid = await fetch(target, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })
  return paid.headers.get('location') ?? ''
}

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

test('inside WeChat the payment ends on a code to scan, never on a refusal', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(8_800)
    const browser = plainBrowser(product.url, 'Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0')
    const bill = await browser.get(`/b/${code}`)
    const paying = await browser.submit(bill, `/b/${code}/pay`, { way: 'wechat' })
    assert.equal(paying.status, 303)
    const wallet = await browser.get(paying.location!)
    assert.equal(wallet.status, 200)
    assert.match(wallet.text, /88\.00/)
    const { rows } = await product.kernel.db.pool.query('select product, state from payments.attempt_state')
    assert.deepEqual(rows, [{ product: 'native', state: 3 }])
  }),
)
