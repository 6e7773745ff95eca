import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { fromAddress, payInWallet, withMessages } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
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
