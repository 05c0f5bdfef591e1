package jpegwrite

import (
	"cmp"
	"slices"
)

// longestCode is the longest Huffman code that JPEG allows, in bits.
const longestCode = 16

// huffmanCode is the best prefix code for a picture's symbols.
type huffmanCode struct {
	n      int               // how many symbols have a code
	counts [longestCode]byte // how many codes there are of each length from 1
	order  [257]byte         // the symbols in the order of their codes
	words  [256]uint32       // per symbol: its code in bits 8 to 31, the code's length below
}

// node is a symbol, or a pair of nodes, while the code is made.
type node struct {
	count  uint64
	symbol int // 256 stands for the code of ones only, which JPEG forbids
	depth  int
	up     int // the pair that this one is in
}

// make builds the code for symbols that come as often as counts says (Huffman's
// method with two queues; codes that are too long are shortened as T.81 K.2 does).
func (c *huffmanCode) make(counts *[256]uint32) {
	var buffer [2*257 - 1]node
	nodes := append(buffer[:0], node{symbol: 256})
	for symbol, n := range counts {
		if n > 0 {
			nodes = append(nodes, node{count: uint64(n), symbol: symbol})
		}
	}
	leaves := len(nodes)
	slices.SortFunc(nodes, func(a, b node) int {
		return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(b.symbol, a.symbol))
	})
	leaf, pair := 0, leaves
	least := func() int {
		if leaf < leaves && (pair == len(nodes) || nodes[leaf].count <= nodes[pair].count) {
			leaf++
			return leaf - 1
		}
		pair++
		return pair - 1
	}
	for range leaves - 1 {
		a, b := least(), least()
		nodes[a].up, nodes[b].up = len(nodes), len(nodes)
		nodes = append(nodes, node{count: nodes[a].count + nodes[b].count})
	}
	var lengths [258]int
	for i := len(nodes) - 2; i >= 0; i-- {
		nodes[i].depth = nodes[nodes[i].up].depth + 1
		if i < leaves {
			lengths[nodes[i].depth]++
		}
	}
	shorten(&lengths)
	c.assign(nodes[1:leaves], &lengths)
}

// shorten moves codes longer than allowed up the tree and takes the forbidden
// code, one of the longest, away.
func shorten(lengths *[258]int) {
	for l := len(lengths) - 1; l > longestCode; l-- {
		for lengths[l] > 0 {
			// A pair goes: one takes its parent's place, the other shares the place of
			// a shorter code, which becomes one longer.
			shorter := l - 2
			for lengths[shorter] == 0 {
				shorter--
			}
			lengths[l] -= 2
			lengths[l-1]++
			lengths[shorter+1] += 2
			lengths[shorter]--
		}
	}
	for l := longestCode; l > 0; l-- {
		if lengths[l] > 0 {
			lengths[l]--
			return
		}
	}
}

// assign gives codes to the symbols, which come in the order of rising counts.
func (c *huffmanCode) assign(symbols []node, lengths *[258]int) {
	c.n = len(symbols)
	code, i := uint32(0), 0
	for l := 1; l <= longestCode; l++ {
		c.counts[l-1] = byte(lengths[l])
		for range lengths[l] {
			symbol := symbols[len(symbols)-1-i].symbol
			c.order[i] = byte(symbol)
			c.words[symbol] = code<<8 | uint32(l)
			code++
			i++
		}
		code <<= 1
	}
}
