/** Where this installation is: https, without a path. The only address the shell ever opens or asks. */
module.exports = { home: 'https://yimen.example' }
