const { pageOf } = require('../../lib/address.js')
const { home } = require('../../config.js')
const words = require('../../lib/words.js')

const open = path => wx.navigateTo({ url: `/pages/web/web?path=${encodeURIComponent(path)}` })

Page({
  data: { w: words(wx), notice: '' },
  onScan() {
    const { w } = this.data
    wx.scanCode({
      scanType: ['qrCode'],
      success: ({ result }) => {
        const path = pageOf(home, result)
        this.setData({ notice: path ? '' : w.not_ours })
        if (path) open(path)
      },
      fail: () => this.setData({ notice: w.no_scan }),
    })
  },
  onMine() {
    open('/mine')
  },
  onFirst() {
    open('/')
  },
})
