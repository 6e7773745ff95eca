import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { billerFileSchema, billerOf } from '#app/biller-file.ts'
import { queryIn } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { importPast, registerBiller } from '#modules/billing/index.ts'
import { fileOf, paymentsMapping } from '../../src/modules/billing/test/past-support.ts'
import { paths } from '../../web/resident/paths.ts'
import { fromAddress, pay, payInWallet, until, withMessages } from '../abuse/support.ts'
import { type Page, type Plain, plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

/** Words that are names, in whatever language the page is: the other language, a street, a person, what a resident wrote. */
const NAMES = ['中文', '服务路1号', '青砖一村', '王**', '张三家']

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')
const billers = (JSON.parse(read('../../src/app/seed/content/billers.json')) as { billers: unknown[] }).billers.map(b =>
  billerFileSchema.parse(b),
)

/** Text of a page and of what assistive technology reads from it, without names. */
function chineseIn(html: string): string[] {
  let text = html.replace(/<(?:script|style)[\s\S]*?<\/(?:script|style)>/g, ' ').replace(/<[^>]*>/g, tag => {
    const said = [...tag.matchAll(/(?:aria-label|value|placeholder|title|alt)="([^"]*)"/g)].map(m => m[1])
    return ` ${said.join(' ')} `
  })
  for (const name of NAMES) text = text.replaceAll(name, '')
  return [...new Set(text.match(/\S*[\u2e80-\u303f\u3400-\u9fff\uff00-\uffef]+\S*/g) ?? [])]
}

const routesDir = new URL('../../web/resident/routes/', import.meta.url)

/** Addresses residents can open, as the code declares them; what is no page is left out. */
function declared(): string[] {
  const sources = readdirSync(routesDir).map(file => readFileSync(new URL(file, routesDir), 'utf8'))
  const found = sources.flatMap(source => [...source.matchAll(/\.get\(\s*(?:'(\/[^']*)'|paths\.(\w+))/g)])
  const all = found.map(([, text, name]) => text ?? paths[name as keyof typeof paths])
  return [...all, paths.services, paths.queue, paths.report].filter(
    path => !/\/(state|progress|live)$|\.(json|pdf|csv)$|^\/verify\/file$/.test(path),
  )
}

const WECHAT = 'Mozilla/5.0 (iPhone) Mobile MicroMessenger/8.0'

test('every page a resident can open is English when English is chosen, names aside', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      for (const biller of billers) unwrap(await registerBiller(product.ctx, billerOf(biller)))
      const water = billerOf(billers.find(b => b.id === 'water')!)
      const lines = (water.config.mappings.bills as { bill: { lines: { item: string; name: string }[] } }).bill.lines
      const english = (agent?: string): Plain => {
        const browser = plainBrowser(product.url, agent, fromAddress(70_000 + agents++))
        browser.cookies.set('yimen_lang', 'en')
        return browser
      }
      let agents = 0
      const chinese: string[] = []
      const met = new Set<string>()
      const look = (page: Page, what = new URL(page.url).pathname): Page => {
        met.add(new URL(page.url).pathname)
        const found = page.location === undefined ? chineseIn(page.text) : []
        if (found.length > 0) chinese.push(`${what}: ${found.join(' | ')}`)
        if (page.location === undefined) assert.match(page.text, /<html lang="en"/, what)
        return page
      }

      const me = english()
      const phone = '13800007777'
      const asked = look(await me.submit(await me.get('/sign-in'), '/sign-in', { phone }))
      const code = await until('the code', async () => (await inbox.codes(phone)).at(-1))
      look(await me.submit(asked, '/sign-in/code', { code: code === '000000' ? '000001' : '000000' }), 'a wrong code')
      look(await me.submit(asked, '/sign-in/code', { resend: '1' }), 'sent again')
      await me.submit(asked, '/sign-in/code', { code })
      look(await me.submit(await me.get('/sign-in'), '/sign-in', { phone: '12' }), 'a wrong number')

      // A bill with all its lines, an older one and a year before; kept by the resident under a name of their own.
      const bill = await product.issueBill(13_195)
      const { rows } = await queryIn(
        product.kernel,
        'update billing.bill set lines = $2, due_on = $3 where code = $1 returning account_id',
        [
          bill,
          JSON.stringify(
            lines.map((line, i) => ({ ...line, amount_fen: i === 0 ? 13_195 - 4 * 100 : 100, quantity_e3: 41_000, unit_price_e4: 9_500 })),
          ),
          '2020-01-01',
        ],
      )
      const account = rows[0].account_id
      for (const [from, to] of [
        ['2026-07', '2026-08'],
        ['2025-09', '2025-10'],
      ])
        await queryIn(
          product.kernel,
          `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, usage_e3, lines, issued_at)
           select tenant_id, gen_random_uuid(), substr(code, 3) || 'zz', biller_id, account_id, 'OLD' || $2, $2, $3, 3000, due_on, 9000, lines, issued_at from billing.bill where code = $1
           on conflict do nothing`,
          [bill, from, to],
        )
      await queryIn(product.kernel, `update billing.account set account_no = '1045333141' where id = $1`, [account])
      const past = fileOf([{ no: 'L1', channel: 'cash' }])
      unwrap(await importPast(product.ctx, { billerId: 'water', fileName: 'past.csv', bytes: past, mapping: paymentsMapping }))
      await me.submit(await me.get('/mine/households/new'), '/mine/households', {
        biller: 'water',
        account: '1045333141',
        relation: 'owner',
        nickname: '张三家',
      })
      await me.submit(await me.get('/mine/households'), '/mine/shares', { phone: '13900001111' })
      look(await me.submit(await me.get('/mine/households'), '/mine/shares', { phone }), 'shared with oneself')
      look(await me.submit(await me.get('/mine/households/new'), '/mine/households', { biller: 'water', account: '12' }), 'a wrong account')
      const find = await me.get('/pay/account?biller=gas')
      for (const number of ['', '12', '716010620496'])
        look(await me.submit(find, '/pay/account', { biller: 'gas', account: number }), `account ${number}`)
      look(await me.get('/pay/account'), 'no biller chosen')

      // Orders in each state: to scan, left, paid, undone, wrong.
      look(await me.submit(await me.get(`/b/${bill}`), `/b/${bill}/pay`, {}), 'no way chosen')
      const other = await product.issueBill(5_500)
      const away = await me.submit(await me.get(`/b/${other}`), `/b/${other}/pay`, { way: 'alipay' })
      await fetch(away.location!)
      const order = (await me.get(`/b/${other}`)).location!
      look(await me.get(`${order}?back=1`), 'left the wallet')
      look(await english().get(`/b/${other}`), 'somebody else pays')
      await payInWallet(away.location!)
      look(await me.get(`${order}?back=1`), 'paid')
      look(await me.get(`/b/${other}`), 'already paid')
      look(await english().get(order), 'the receipt of another')
      for (const page of ['print-80', 'print-a4', 'tax-invoice', 'wrong']) look(await me.get(`${order}/${page}`))
      const invoice = `${order}/tax-invoice`
      look(await me.submit(await me.get(invoice), invoice, { kind: 'company', name: 'Corner shop' }), 'no tax number')
      await me.submit(await me.get(invoice), invoice, { kind: 'person', name: 'Zhang San' })
      look(await me.get(invoice), 'an invoice asked for')
      for (const year of [new Date().getFullYear(), 2019]) look(await me.get(`/mine/payments/${year}`))
      look(await me.submit(await me.get(`${order}/wrong`), `${order}/wrong`, {}), 'no reason')
      await me.submit(await me.get(`${order}/wrong`), `${order}/wrong`, { reason: 'other', note: 'Paid for a friend' })
      look(await me.get(`${order}/wrong`), 'asked')
      const { rows: receipts } = await queryIn(product.kernel, 'select entry_id, receipt_no from billing.receipt')
      look(await me.get(`/verify?c=${receipts[0].entry_id}`), 'a receipt checked')
      for (const typed of [receipts[0].receipt_no, '12', '', receipts[0].entry_id.replace(/.$/, 'f')])
        look(await me.get(`/verify?c=${typed}`), `verify ${typed}`)
      const mine = await pay(product, 6_600)
      mine.browser.cookies.set('yimen_lang', 'en')
      await mine.browser.submit(await mine.browser.get(mine.order), `${mine.order}/undo`)
      look(await mine.browser.get(mine.order), 'undone')

      // Inside WeChat.
      const inside = english(WECHAT)
      const third = await product.issueBill(7_700)
      const out = await inside.submit(look(await inside.get(`/b/${third}`)), `/b/${third}/pay`, { way: 'wechat' })
      look(await inside.get(out.location!), 'open another browser')
      look(await inside.get(`/b/${third}/wechat?state=old`), 'a stale return')
      const scanned = await inside.submit(await inside.get(`/b/${third}`), `/b/${third}/pay`, { way: 'wechat', by: 'code' })
      look(await inside.get(scanned.location!), 'a code to scan')

      for (const page of ['/nothing', '/b/none', '/o/none', '/demo/bills']) look(await me.get(page))
      look(await plainBrowser(product.url, undefined, { 'accept-language': 'en-GB' }).post('/prefs', {}), 'a form from elsewhere')
      const queue: string[] = [
        '/',
        `/b/${bill}`,
        ...Object.values(paths).filter(path => !/verify\/file|sign-out|sign-in\/code|mine\/shares/.test(path)),
      ]
      const seen = new Set<string>()
      for (let path = queue.shift(); path !== undefined && seen.size < 150; path = queue.shift()) {
        if (seen.has(path)) continue
        seen.add(path)
        const page = look(await me.get(path), path)
        if (page.location?.startsWith('/')) queue.push(page.location)
        for (const [, href] of page.text.matchAll(/href="(\/[^"#]*)"/g))
          if (!/^\/(assets|staff|ui)|prefs\?|\.(json|pdf|csv)$/.test(href!)) queue.push(href!.replaceAll('&amp;', '&'))
      }
      assert.deepEqual([...new Set(chinese)], [])

      const shapes = [...met].map(path =>
        path
          .replace(/^\/(b|o)\/[0-9a-z]+/, '/$1/:code')
          .replace(/^(\/mine\/households)\/[0-9a-f-]{36}/, '$1/:id')
          .replace(/^(\/mine\/payments)\/\d{4}$/, '$1/:year'),
      )
      // The demonstration's own pages are served with the sandbox only.
      assert.deepEqual(
        declared().filter(path => !path.startsWith('/demo') && !shapes.includes(path)),
        [],
        'pages nobody looked at',
      )
    }),
  ),
)
