import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hiddenFields } from '../support/form.ts'
import { withProduct } from '../support/product.ts'
import { fromAddress, pay, signInAs, until, visitor, withInspector } from './support.ts'

test('a field sent twice is no field: nothing is paid, bound, undone or signed in by the last or the first', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const { browser, csrf } = await visitor(product.url)
      const [one, two] = [await product.issueBill(4_400), await product.issueBill(9_900)]
      const quoteOf = async (bill: string) => hiddenFields((await browser.get(`/b/${bill}`)).text, `/b/${bill}/pay`)
      const [mine, other] = [await quoteOf(one), await quoteOf(two)]
      const paid = await pay(product, 3_300)
      const undo = hiddenFields(paid.done.text, `${paid.order}/undo`)
      const honest: [string, string][] = [...Object.entries(mine), ['way', 'wechat']]
      const desk = await signInAs(product, 'clerk')
      const path = `/b/${one}/pay`
      const twice: [string, typeof browser, string, [string, string][]][] = [
        ['token', browser, path, [...honest, ['csrf', mine.csrf!]]],
        ['quote', browser, path, [...honest, ['quote', other.quote!]]],
        ['way', browser, path, [...honest, ['way', 'alipay']]],
        ['key', browser, path, [...honest, ['idempotency_key', 'another-key-of-mine']]],
        [
          'account',
          browser,
          '/pay/account',
          [
            ['csrf', csrf],
            ['biller', 'water'],
            ['account', '1045333141'],
            ['account', '1045333158'],
          ],
        ],
        [
          'relation',
          browser,
          '/mine/households',
          [
            ['csrf', csrf],
            ['biller', 'water'],
            ['account', '1045333141'],
            ['relation', 'owner'],
            ['relation', 'helper'],
          ],
        ],
        [
          'telephone',
          browser,
          '/sign-in',
          [
            ['csrf', csrf],
            ['phone', '13900000001'],
            ['phone', '13900000002'],
          ],
        ],
        ['key of an undo', paid.browser, `${paid.order}/undo`, [...Object.entries(undo), ['idempotency_key', 'x-second-key-of-mine']]],
        [
          'user name',
          browser,
          '/staff/sign-in',
          [
            ['csrf', csrf],
            ['username', desk.username],
            ['username', 'nobody'],
            ['password', desk.password],
          ],
        ],
        [
          'password',
          browser,
          '/staff/sign-in',
          [
            ['csrf', csrf],
            ['username', desk.username],
            ['password', 'x'],
            ['password', desk.password],
          ],
        ],
        [
          'sign-in to end',
          desk.browser,
          '/staff/me/sessions/end',
          [
            ['csrf', desk.csrf],
            ['id', 'a'.repeat(64)],
            ['id', 'b'.repeat(64)],
          ],
        ],
      ]
      const before = await see.state()
      const sessions = `select count(*)::int as n from identity.session where revoked_at is null`
      const signedIn = await see.count(sessions)
      const wrong: string[] = []
      for (const [i, [name, from, to, fields]] of twice.entries()) {
        const answer = await from.post(to, fields, fromAddress(3_000 + i))
        if (answer.status < 400 || answer.status >= 500) wrong.push(`${name}: ${answer.status} ${answer.location ?? ''}`)
        assert.equal(await see.state(), before, name)
      }
      assert.deepEqual(wrong, [])
      assert.equal(await see.count(sessions), signedIn)
      assert.equal(await see.count('select count(*)::int as n from identity.sms_challenge'), 0)
      // The same forms sent once still work.
      assert.equal((await browser.post(path, honest)).status, 303)
    }),
  ),
)

test('numbers in addresses of pages are read as plain digits or as nothing', { timeout: 60_000 }, () =>
  withProduct(async product => {
    const { browser } = await pay(product)
    const first = await browser.get('/mine/payments')
    const bare = (text: string) => text.replace(/value="[^"]*"/g, '').replace(/<a href="\/prefs[^>]*>/g, '')
    for (const page of ['1e3', '0x10', '-1', '1.5', 'NaN', 'Infinity', '１', '99999999999999999999', '1&page=2', '', '%00', '[]', '1;2']) {
      const answer = await browser.get(`/mine/payments?page=${page}`)
      assert.ok(answer.status === 200 || answer.status === 400, `${page}: ${answer.status}`)
    }
    assert.equal(bare((await browser.get('/mine/payments?page=-1')).text), bare(first.text))
  }),
)

const MARKUP = '<script>alert(1)</script>'
const HOSTILE = [
  `${MARKUP}`,
  `"><img src=x onerror=alert(1)>`,
  `'><svg/onload=alert(1)>`,
  `</title>${MARKUP}`,
  '{{7*7}}${7*7}',
  '\u202e\u2066右到左\u0007\u001b[2J',
  ') /JS (app.alert(1)) /OpenAction',
  '=cmd|calc!A1',
  '𝒜'.repeat(400),
  'x'.repeat(2_000),
]

test('hostile text in every field shown at the desk, on the receipt and in the PDF is text', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const { order, bill } = await pay(product)
      const desk = await signInAs(product, 'manager')
      const admin = await signInAs(product, 'operator-security')
      const rows = (await see.rows(`select id::text, (select bill_no from billing.bill) as no from payments."order"`)) as {
        id: string
        no: string
      }[]
      const id = rows[0]!.id
      const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
      for (const text of HOSTILE) {
        const short = quoted(text.slice(0, 150))
        // As if billers and their files had sent it, and administrators typed it.
        await see.rows(
          `update billing.biller set name_zh = ${short}, service_zh = ${short}, name_en = ${short}, service_en = ${short}, unit = ${short} returning 1`,
        )
        await see.rows(`update billing.account set holder_mask = ${short}, address_mask = ${short} returning 1`)
        await see.rows(
          `update billing.bill set lines = jsonb_build_array(jsonb_build_object('item', 'total', 'name', ${quoted(text)}, 'amount_fen', amount_fen)) returning 1`,
        )
        await see.rows(`update payments."order" set title = ${short} returning 1`)
        await see.rows(`update identity.staff set name = ${short} returning 1`)
        await desk.browser.post(`/staff/accounts/${desk.id}/role`, { csrf: desk.csrf, why: text })
        const proposed = await admin.browser.post(`/staff/accounts/${desk.id}/role`, {
          csrf: admin.csrf,
          role: 'clerk',
          why: text,
          areaCode: '',
        })
        assert.ok(proposed.status < 500)
        const places: [typeof desk.browser, string][] = [
          [desk.browser, `/staff/search?q=${encodeURIComponent(text.slice(0, 80))}`],
          [desk.browser, `/staff/search?q=${rows[0]!.no}`],
          [desk.browser, `/staff/orders/${id}`],
          [desk.browser, '/staff/me'],
          [admin.browser, '/staff/accounts'],
          [admin.browser, `/staff/accounts/${desk.id}`],
          [admin.browser, `/staff/enrol`],
          [desk.browser, `/b/${bill}`],
          [desk.browser, order],
          [desk.browser, `${order}/print-80`],
          [desk.browser, `${order}/print-a4`],
          [desk.browser, '/prices'],
          [desk.browser, '/pay'],
        ]
        for (const [browser, path] of places) {
          const page = await browser.get(path)
          assert.equal(page.status, 200, `${path} with ${JSON.stringify(text.slice(0, 30))}`)
          assert.doesNotMatch(page.text, /<script(?![^>]*\bsrc=)|<img src=x|<svg\/|<[a-z][^<>]*\son[a-z]+=/i, path)
          if (/<[a-z!/]/i.test(text)) assert.ok(!page.text.includes(text), path)
        }
        const seen = await desk.browser.get(`/staff/orders/${id}`)
        if (text === MARKUP) assert.match(seen.text, /&lt;script/)
        const pdf = Buffer.from(await (await fetch(`${product.url}${order}/receipt.pdf`)).arrayBuffer())
        assert.equal(pdf.subarray(0, 5).toString(), '%PDF-', JSON.stringify(text.slice(0, 30)))
        assert.doesNotMatch(pdf.toString('latin1'), /\/(JS|JavaScript|OpenAction|Launch|URI|EmbeddedFile)\b/)
        const json = await fetch(`${product.url}${order}/receipt.json`)
        assert.match(json.headers.get('content-type')!, /^application\/json/)
        assert.equal(json.headers.get('x-content-type-options'), 'nosniff')
      }
      await until('the trail', async () => (await see.count('select count(*)::int as n from trail.pending')) === 0)
    }),
  ),
)
