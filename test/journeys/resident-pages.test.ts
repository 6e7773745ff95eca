import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { leafHash, parseReceipt } from '#engines/hashtree/index.ts'
import { queryIn } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { csrfOf, fromAddress, pay, payInWallet, until, withMessages } from '../abuse/support.ts'
import { hiddenFields, type Plain, plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

const MINUTE = 60_000

test('the page of the code says how many tries are left, what is over and how long to wait, in both languages', { timeout: 90_000 }, () => {
  const clock = manualClock(new Date())
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        let n = 60_000
        const open = async (phone: string, lang: 'zh-CN' | 'en') => {
          const browser = plainBrowser(product.url, undefined, fromAddress(++n))
          browser.cookies.set('yimen_lang', lang)
          const asked = await browser.submit(await browser.get('/sign-in'), '/sign-in', { phone })
          assert.equal(asked.status, 200)
          const right = (await inbox.codes(phone)).at(-1)!
          const wrong = right === '000000' ? '000001' : '000000'
          const enter = (code: string) => browser.submit(asked, '/sign-in/code', { code })
          return { browser, asked, right, wrong, enter }
        }
        const zh = await open('13700000001', 'zh-CN')
        const en = await open('13700000002', 'en')
        for (const left of [4, 3, 2, 1]) {
          const said = (await zh.enter(zh.wrong)).text
          assert.ok(said.includes(`验证码不对，还可以试${left}次`), `${left}`)
          assert.ok(said.includes('137****0001') && !said.includes('过期'))
        }
        assert.match((await zh.enter(zh.wrong)).text, /用过了或试错太多次，请再发一次/)
        const wrong = (await en.enter(en.wrong)).text
        assert.match(wrong, /Wrong code; tries left: 4/)
        assert.match(wrong, /137\*\*\*\*0002/)

        // Sent again too soon: the same page, with the wait in words of the language.
        assert.match((await zh.browser.submit(zh.asked, '/sign-in/code', { resend: '1' })).text, /请1分钟后再试[\s\S]*137\*\*\*\*0001/)
        assert.match((await en.browser.submit(en.asked, '/sign-in/code', { resend: '1' })).text, /try again in 1 minute/)

        assert.equal((await en.enter(en.right)).status, 303)
        assert.match((await en.enter(en.right)).text, /used or tried too often/)

        clock.advance(MINUTE)
        const late = await open('13700000003', 'zh-CN')
        clock.advance(5 * MINUTE)
        const over = (await late.enter(late.right)).text
        assert.match(over, /验证码过期了，请再发一次/)
        assert.match(over, /137\*\*\*\*0003/)

        // A day's messages are used up: hours, not hundreds of minutes.
        for (let i = 0; i < 4; i++) {
          const again = plainBrowser(product.url, undefined, fromAddress(++n))
          await again.submit(await again.get('/sign-in'), '/sign-in', { phone: '13700000003' })
          clock.advance(MINUTE)
        }
        const many = plainBrowser(product.url, undefined, fromAddress(++n))
        many.cookies.set('yimen_lang', 'en')
        const refused = await many.submit(await many.get('/sign-in'), '/sign-in', { phone: '13700000003' })
        assert.match(refused.text, /Too many codes; try again in 24 hours/)
      }),
    { clock },
  )
})

test('left Alipay without paying: one thing is said, and paying goes on; back with its words in the address, they are gone', () =>
  withProduct(async product => {
    const browser = plainBrowser(product.url)
    const bill = await product.issueBill(7_700)
    const away = await browser.submit(await browser.get(`/b/${bill}`), `/b/${bill}/pay`, { way: 'alipay' })
    assert.ok(away.location?.startsWith(product.sandbox.alipay.url))
    await fetch(away.location!)
    // By the browser's own way back, and by the wallet's.
    const order = (await browser.get(`/b/${bill}`)).location!
    for (const path of [order, `${order}?back=1`]) {
      const left = await browser.get(path)
      assert.match(left.text, /<h1>还没付<\/h1>/)
      assert.ok(!left.text.includes('正在确认'), path)
      assert.match(left.text, /继续付款/)
      assert.match(left.text, /我付过了，再查一次/)
    }

    const back = new URL(await payInWallet(away.location!))
    assert.ok(back.searchParams.has('sign') && back.searchParams.has('total_amount'))
    const cleaned = await browser.get(back.pathname + back.search)
    assert.deepEqual([cleaned.status, cleaned.location], [303, `${order}?back=1`])
    const done = await browser.get(cleaned.location!)
    assert.match(done.text, /YM-\d{8}-000001/)
    // What the address claims is not believed.
    const other = await product.issueBill(8_800)
    await browser.submit(await browser.get(`/b/${other}`), `/b/${other}/pay`, { way: 'alipay' })
    const open = (await browser.get(`/b/${other}`)).location!
    const lied = await browser.get(open + back.search)
    assert.match((await browser.get(lied.location!)).text, /<h1>还没付<\/h1>/)
  }))

test('with a channel that does not answer, whether money moved stays open', () =>
  withProduct(async product => {
    const browser = plainBrowser(product.url)
    const bill = await product.issueBill(7_700)
    await browser.submit(await browser.get(`/b/${bill}`), `/b/${bill}/pay`, { way: 'alipay' })
    const order = (await browser.get(`/b/${bill}`)).location!
    await product.sandbox.alipay.stop()
    const shown = await browser.get(`${order}?back=1`)
    assert.match(shown.text, /是否扣款，正在确认/)
    assert.ok(!shown.text.includes('<h1>还没付</h1>'))
  }))

test('an older open bill is linked: for whoever keeps the account, and behind its number for anybody else', () =>
  withProduct(async product => {
    const code = await product.issueBill(7_700)
    const { rows } = await queryIn(
      product.kernel,
      `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
       select tenant_id, gen_random_uuid(), 'older' || substr(code, 6), biller_id, account_id, 'OLD1', '2026-07', '2026-08', 5000, due_on, lines, issued_at
       from billing.bill where code = $1 returning account_id, code, (select account_no from billing.account a where a.id = account_id)`,
      [code],
    )
    const [{ account_id: account, code: older }] = rows
    const stranger = plainBrowser(product.url)
    const seen = await stranger.get(`/b/${code}`)
    assert.match(seen.text, /href="\/pay\/account\?biller=water"[^>]*>[^<]*更早/)
    assert.ok(!seen.text.includes(older) && !seen.text.includes(account))
    await queryIn(product.kernel, `update billing.account set account_no = '1045333141' where id = $1`, [account])
    const found = await stranger.submit(await stranger.get('/pay/account?biller=water'), '/pay/account', {
      biller: 'water',
      account: '1045333141',
    })
    assert.ok(found.text.includes(`/b/${older}"`) && found.text.includes(`/b/${code}"`))
    assert.match(found.text, /\*\*\*\*\u00a03141/)

    const keeper = plainBrowser(product.url)
    const form = await keeper.get('/mine/households/new')
    await keeper.submit(form, '/mine/households', { biller: 'water', account: '1045333141', relation: 'owner' })
    assert.ok((await keeper.get(`/b/${code}`)).text.includes(`href="/mine/households/${account}/bills"`))
    assert.ok((await keeper.get(`/mine/households/${account}/bills`)).text.includes(`/b/${older}"`))

    // At home the bill tells which account it is of: by its number while it has no name of its own.
    assert.match((await keeper.get('/')).text, /户号\*\*\*\*\u00a03141/)
    await keeper.submit(await keeper.get(`/mine/households/${account}`), `/mine/households/${account}/save`, { nickname: '爸妈家' })
    assert.match((await keeper.get('/')).text, /爸妈家/)
  }))

/** A form with a file in it, as a browser without script sends it. */
async function upload(browser: Plain, url: string, bytes: Uint8Array, name: string): Promise<{ status: number; text: string }> {
  const form = new FormData()
  form.set('csrf', csrfOf(await browser.get('/verify')))
  form.set('file', new File([new Uint8Array(bytes)], name))
  const cookie = [...browser.cookies].map(([k, v]) => `${k}=${v}`).join('; ')
  const answer = await fetch(`${url}/verify/file`, { method: 'POST', body: form, headers: { cookie, origin: url } })
  return { status: answer.status, text: await answer.text() }
}

test('a receipt is checked however its code is typed, and as the file that was saved', { timeout: 90_000 }, () =>
  withProduct(async product => {
    const { order, browser } = await pay(product, 13_195)
    const json = await until('the proof', async () => {
      const page = await browser.get(`${order}/receipt.json`)
      return page.status === 200 && page.text
    })
    const { rows } = await queryIn(product.kernel, 'select entry_id, receipt_no from billing.receipt')
    const [{ entry_id: id, receipt_no: number }] = rows
    const leaf = leafHash(parseReceipt(json)!.entry).toString('base64url')
    const wide = [...id].map(sign => (/[!-~]/.test(sign) ? String.fromCharCode(sign.charCodeAt(0) + 0xfee0) : sign)).join('')
    const stranger = plainBrowser(product.url)
    const check = async (typed: string) => (await stranger.get(`/verify?c=${encodeURIComponent(typed)}`)).text
    const ways = [
      id,
      id.toUpperCase(),
      ` ${id.slice(0, 9)} ${id.slice(9)}\r\n`,
      id.replaceAll('-', '–'),
      id.replaceAll('-', ''),
      wide,
      `\ufeff${id}\u200b`,
      `${product.url}/verify?c=${id}`,
      `HTTPS://WUTONGLI.EXAMPLE/VERIFY?C=${id.toUpperCase()}&from=paper`,
      `wutongli.example/verify?c=%20${id}`,
      `${id}.${leaf}`,
      `${product.url}/verify?c=${id}.${leaf.toUpperCase()}`,
    ]
    for (const typed of ways) assert.ok((await check(typed)).includes(number), typed)
    assert.match(await check(`${id}.${'A'.repeat(43)}`), /查不到这张收据/)
    assert.match(await check(id.replace(/.$/, (last: string) => (last === '0' ? '1' : '0'))), /查不到这张收据/)
    for (const typed of [number, number.toLowerCase(), ` ${number.replaceAll('-', ' ')}`]) {
      const told = await check(typed)
      assert.match(told, /这是收据号。请输入收据二维码旁边的验真码/, typed)
      assert.ok(!told.includes('131.95'))
    }
    for (const typed of ['1234', id.slice(0, 30), '%']) assert.match(await check(typed), /验真码不完整/, typed)

    // The file itself, with the keys this installation has pinned.
    assert.match((await upload(stranger, product.url, Buffer.from(json), 'r.json')).text, /现在不能验文件/)
    const keys = join(product.kernel.config.dataDir, 'keys')
    mkdirSync(keys, { recursive: true })
    writeFileSync(join(keys, 'trail.vkey'), `${product.vkey}\n`)
    const pdf = Buffer.from(await (await fetch(`${product.url}${order}/receipt.pdf`)).arrayBuffer())
    assert.ok(pdf.length <= 100_000, `${pdf.length} bytes`)
    for (const [bytes, name] of [
      [Buffer.from(json), 'r.json'],
      [pdf, '收据.pdf'],
    ] as const) {
      const seen = await upload(stranger, product.url, bytes, name)
      assert.equal(seen.status, 200, name)
      assert.ok(seen.text.includes(number) && seen.text.includes('131.95'), name)
      const bent = Buffer.from(bytes)
      bent[bent.length >> 1]! ^= 1
      assert.match((await upload(stranger, product.url, bent, name)).text, /这个文件不能证明缴费/, name)
    }
    assert.match((await upload(stranger, product.url, Buffer.from(json.replace('13195', '13196')), 'r.json')).text, /不能证明缴费/)
    assert.match((await upload(stranger, product.url, Buffer.alloc(0), '')).text, /请先选收据文件/)
    assert.match((await upload(stranger, product.url, Buffer.alloc(150_000), 'big.pdf')).text, /文件太大/)
    assert.equal((await upload(stranger, product.url, Buffer.alloc(1_200_000), 'huge.pdf')).status, 413)
    // Forms that are none, or carry a text where the file should be.
    const { csrf } = hiddenFields((await stranger.get('/verify')).text, '/verify/file')
    const cookie = [...stranger.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const odd = (type: string, body: string) =>
      fetch(`${product.url}/verify/file`, { method: 'POST', body, headers: { cookie, 'content-type': type, 'accept-language': 'zh' } })
    for (const [type, body, status] of [
      ['application/x-www-form-urlencoded', `csrf=${csrf}&file=abc`, 422],
      ['application/json', JSON.stringify({ csrf, file: 'abc' }), 422],
      ['multipart/form-data; boundary=x', '--x\r\nnothing of the kind', 400],
      ['multipart/form-data', '', 400],
    ] as const) {
      const answer = await odd(type, body)
      assert.equal(answer.status, status, type)
      assert.match(await answer.text(), /请先选收据文件/, type)
    }
    const foreign = await fetch(`${product.url}/verify/file`, { method: 'POST', body: new FormData() })
    assert.equal(foreign.status, 403)
    assert.equal((await stranger.get('/verify/file')).location, '/verify')

    // Money that went back is told for the file too.
    await browser.submit(await browser.get(order), `${order}/undo`)
    assert.match((await upload(stranger, product.url, Buffer.from(json), 'r.json')).text, /真的，但钱已退回/)
    // And by every copy made from now on.
    for (const paper of ['print-80', 'print-a4']) assert.match((await browser.get(`${order}/${paper}`)).text, /不能作缴费凭证/, paper)
    const after = Buffer.from(await (await fetch(`${product.url}${order}/receipt.pdf`)).arrayBuffer())
    assert.ok(after.length > pdf.length, 'the PDF says so too')
  }),
)

test('a bill the biller had booked before is paid: its own amount, no fee that grows, nothing due', { timeout: 90_000 }, () =>
  withProduct(async product => {
    const code = await product.issueBill(5_795, { dueOn: '2026-01-31' })
    const browser = plainBrowser(product.url)
    assert.match((await browser.get(`/b/${code}`)).text, /违约金/)
    await queryIn(product.kernel, 'update billing.bill set settled_before = true where code = $1', [code])
    const { text } = await browser.get(`/b/${code}`)
    assert.match(text, /57\.95/)
    assert.match(text, /已经缴过/)
    assert.doesNotMatch(text, /违约金|已过|前缴清/)
  }),
)
