import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYuan } from '#kernel/money.ts'
import { hiddenFields, plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'
import { faultsInBooks, findList, pay, until, withInspector } from './support.ts'

test('amounts never come from the payer: a changed quote is refused, added fields are not read', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const code = await product.issueBill(13_195)
      const other = await product.issueBill(9_900)
      const browser = plainBrowser(product.url)
      const action = `/b/${code}/pay`
      const fields = hiddenFields((await browser.get(`/b/${code}`)).text, action)
      const [payload = '', mac = ''] = fields.quote!.split('.')
      const decoded = JSON.parse(Buffer.from(payload, 'base64url').toString())
      const cheaper = { ...decoded, items: decoded.items.map((item: object) => ({ ...item, amountFen: 1 })) }
      const later = { ...decoded, until: decoded.until + 86_400_000 }
      const encode = (quote: object) => Buffer.from(JSON.stringify(quote)).toString('base64url')
      const forged = [`${encode(cheaper)}.${mac}`, `${encode(later)}.${mac}`, payload, `${payload}.`, `${payload}.${mac}.x`, 'null', '']
      const before = await see.state()
      const refusedBefore = await see.refusals()
      for (const quote of forged) {
        const answer = await browser.post(action, { ...fields, quote, way: 'wechat' })
        assert.ok(answer.status >= 400 && answer.status < 500, `${quote.slice(0, 40)} answered ${answer.status}`)
      }
      assert.equal(await see.state(), before)
      await until('one refusal for each forged quote', async () => (await see.refusals()) === refusedBefore + forged.length)

      // Mass assignment: everything a row has, sent along with an honest form.
      const added = {
        amount: '0.01',
        amount_fen: '1',
        amountFen: '1',
        total: '1',
        fee: '0',
        late_fee_fen: '0',
        payee: 'me',
        payee_account_id: '1',
        state: '2',
        paid_fen: '13195',
        tenant_id: '2',
        payer: 'resident:00000000-0000-0000-0000-000000000000',
        place: 'desk',
        title: 'free',
        ['__proto__']: 'x',
        'constructor[prototype][x]': '1',
      }
      const answer = await browser.post(action, { ...fields, ...added, way: 'wechat' })
      assert.equal(answer.status, 303)
      const honest = `select count(*)::int as n from payments."order" where tenant_id = 1 and amount_fen = 13195 and paid_fen = 0 and state = 1 and place = 'phone' and title <> 'free' and payer like 'browser:%'`
      assert.equal(await see.count(honest), 1)
      assert.equal(await see.count('select count(*)::int as n from payments."order"'), 1)

      // The quote of another bill under this bill's address pays the other bill or nothing, never this one for less.
      const foreign = hiddenFields((await browser.get(`/b/${other}`)).text, `/b/${other}/pay`)
      await browser.post(action, { ...foreign, way: 'wechat' })
      assert.equal(await see.count('select count(*)::int as n from payments."order" where amount_fen not in (13195, 9900)'), 0)
    }),
  ),
)

test('fifty posts at once with one key make one order and one attempt', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const code = await product.issueBill(8_800)
      const browser = plainBrowser(product.url)
      const fields = { ...hiddenFields((await browser.get(`/b/${code}`)).text, `/b/${code}/pay`), way: 'wechat' }
      // Spread over addresses: the limit on one address must not be what holds.
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => browser.post(`/b/${code}/pay`, fields, { 'x-forwarded-for': `10.8.0.${i}` })),
      )
      assert.deepEqual(
        answers.filter(a => a.status !== 303).map(a => a.status),
        [],
      )
      assert.equal(await see.count('select count(*)::int as n from payments."order"'), 1)
      assert.equal(await see.count('select count(*)::int as n from payments.attempt'), 1)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
  ),
)

test('undo twice, and ten times at once, returns the money once', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const { browser, order, done } = await pay(product, 7_700)
      const fields = hiddenFields(done.text, `${order}/undo`)
      const keys = [fields.idempotency_key!, ...Array.from({ length: 9 }, (_, i) => `another-key-of-mine-${i}`)]
      const answers = await Promise.all(keys.map(key => browser.post(`${order}/undo`, { ...fields, idempotency_key: key })))
      assert.ok(
        answers.every(a => a.status < 500),
        answers.map(a => a.status).join(),
      )
      await browser.post(`${order}/undo`, { ...fields, idempotency_key: 'once-more-afterwards' })
      assert.equal(await see.count('select count(*)::int as n from payments.refund'), 1)
      await until('the refund', async () => (await see.count('select refunded_fen as n from payments."order"')) === 7_700)
      assert.equal(await see.count('select sum(amount_fen)::int as n from payments.refund'), 7_700)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
  ),
)

/** What an amount is, said apart from the parser: digits (Western or full-width), grouped in threes or not, two decimals at most. */
const D = '[0-9０-９]'
const AMOUNT = new RegExp(`^(?:${D}{1,3}(?:[,，]${D}{3})+|${D}{1,13})(?:[.．]${D}{1,2})?$`)

test('amounts of the hostile list are read exactly or refused', {
  skip: findList('amounts.json') ? false : 'YIMEN_REAL_DATA is not set',
}, () => {
  const lists = findList<Record<string, string | string[]>>('amounts.json')!
  const amounts = Object.values(lists).flatMap(list => (Array.isArray(list) ? list : []))
  assert.ok(amounts.length > 100)
  const wrong = amounts.filter(text => {
    const read = parseYuan(text)
    if (!AMOUNT.test(text.trim())) return read.ok
    const [whole = '', cents = ''] = text.normalize('NFKC').trim().replaceAll(',', '').split('.')
    const fen = BigInt(whole) * 100n + BigInt(cents.padEnd(2, '0'))
    return fen > 10n ** 12n ? read.ok : !read.ok || BigInt(read.value) !== fen
  })
  assert.deepEqual(wrong, [])
})
