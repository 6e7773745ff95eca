const BILL = /^\/b\/[0-9a-z]{26}$/
const OWN_PATH = /^\/(?![/\\])[\w/?=&%.~-]{0,300}$/
const ORDER = /^[0-9a-z]{26}$/

/** The page of a scanned code: a bill of this installation, else undefined. Nothing else that can be scanned is opened. */
function pageOf(home, scanned) {
  const text = String(scanned || '').trim()
  if (text.slice(0, home.length + 1) !== `${home}/`) return undefined
  const path = text.slice(home.length)
  return BILL.test(path) ? path : undefined
}

/** A path of our own; anything else, such as one that leads to another host, becomes the first page. */
const ownPath = path => (typeof path === 'string' && OWN_PATH.test(path) ? path : '/')

/** Where the web view begins: with a ticket the page knows who pays. */
const entryOf = (home, path, ticket) =>
  ticket ? `${home}/mini/enter?t=${encodeURIComponent(ticket)}&next=${encodeURIComponent(ownPath(path))}` : home + ownPath(path)

const isOrder = code => typeof code === 'string' && ORDER.test(code)

module.exports = { pageOf, ownPath, entryOf, isOrder }
