const { entryOf, ownPath } = require('../../lib/address.js')
const { signIn } = require('../../lib/ask.js')
const { home } = require('../../config.js')

Page({
  data: { src: '' },
  onLoad({ path }) {
    const own = ownPath(decodeURIComponent(path || '/'))
    return signIn(wx, home).then(ticket => this.setData({ src: entryOf(home, own, ticket) }))
  },
})
