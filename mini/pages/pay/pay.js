const { isOrder } = require('../../lib/address.js')
const { ask } = require('../../lib/ask.js')
const { home } = require('../../config.js')
const words = require('../../lib/words.js')

Page({
  data: { w: words(wx), order: '', title: '', amount: '', canPay: false, notice: '' },
  onLoad({ order }) {
    if (!isOrder(order)) return this.setData({ notice: this.data.w.over })
    this.setData({ order })
    return this.onAgain()
  },
  /** Asks how the order stands, and opens the wallet when it waits for it. */
  onAgain() {
    const { w, order } = this.data
    return ask(wx, `${home}/mini/orders/${order}`, { method: 'GET' }).then(found => {
      if (!found) return this.setData({ canPay: false, notice: w.away })
      this.setData({
        title: found.title,
        amount: (found.amount_fen / 100).toFixed(2),
        canPay: !!found.params,
        notice: found.params ? '' : w.over,
      })
      this.params = found.params
      return found.params && this.onPay()
    })
  },
  /** What the wallet says is a hint: only the page that asks the server knows. */
  onPay() {
    const { w } = this.data
    const { timeStamp, nonceStr, package: bundle, signType, paySign } = this.params
    return new Promise(resolve => {
      wx.requestPayment({
        timeStamp,
        nonceStr,
        package: bundle,
        signType,
        paySign,
        success: () => resolve(this.onLook()),
        fail: ({ errMsg }) => resolve(this.setData({ notice: /cancel/.test(errMsg || '') ? w.cancelled : w.unsure })),
      })
    })
  },
  onLook() {
    const path = encodeURIComponent(`/o/${this.data.order}?back=1`)
    wx.redirectTo({ url: `/pages/web/web?path=${path}` })
  },
})
