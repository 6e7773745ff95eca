import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payInWallet, signedIn, until, withMessages } from '../abuse/support.ts'
import { plainBrowser } from '../support/form.ts'
import { withProduct } from '../support/product.ts'

const PHONE = '13800009999'
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

test('a signed-in payer reads what became of the money in one place, and decides what also goes to the phone', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const guest = plainBrowser(product.url)
      assert.equal((await guest.get('/mine/messages')).location, '/sign-in?next=%2Fmine%2Fmessages')
      const me = await signedIn(product, inbox, PHONE)
      assert.match(textOf((await me.get('/mine/messages')).text), /还没有消息/)
      const bill = await product.issueBill(5_250)
      const pay = await me.submit(await me.get(`/b/${bill}`), `/b/${bill}/pay`, { way: 'wechat' })
      const back = await payInWallet(pay.location!)
      await me.get(back)
      const order = new URL(back).pathname
      const read = async () => textOf((await me.get('/mine/messages')).text)
      await until('the message', async () => /您已支付.*52\.50元，收据号YM-/.test(await read()))
      await me.submit(await me.get(order), `${order}/undo`)
      await until('the refund', async () => /52\.50元已原路退回/.test(await read()))

      const page = await me.get('/mine/messages')
      assert.equal(page.text.match(/不要发/g)?.length, 4)
      const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)![1]!
      const saved = await me.post('/mine/messages', { csrf, topic: 'payments', channel: 'sms', on: '' })
      assert.equal(saved.location, '/mine/messages?notice=saved')
      assert.match(textOf((await me.get(saved.location!)).text), /已保存[\s\S]*缴费和退款 · 短信 要发/)
      // What nobody can switch off is not to be switched off by hand either.
      await me.post('/mine/messages', { csrf, topic: 'sign_in', channel: 'sms', on: '' })
      assert.equal((await me.get('/mine/messages')).text.match(/不要发/g)?.length, 3)
    }),
  ),
)
