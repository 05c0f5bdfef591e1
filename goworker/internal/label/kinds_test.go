package label

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryKindHasItsSpec(t *testing.T) {
	for k := unknown + 1; int(k) < len(specs); k++ {
		one := specs[k]
		assert.Equal(t, k, kindOf([]byte(one.name)), one.name)
		if k.isList() {
			assert.NotEmpty(t, one.key, one.name)
			assert.NotNil(t, one.items, one.name)
			assert.NotEmpty(t, one.plural, one.name)
		} else {
			assert.NotNil(t, one.text, one.name)
		}
	}
	assert.Equal(t, unknown, kindOf([]byte("Label")))
	assert.Equal(t, unknown, kindOf(nil))
}

// The plugin's forms offer the label fields that are drawn: they have to be those that have a shape.
func TestTheFormsOfferWhatHasAShape(t *testing.T) {
	source, err := os.ReadFile("../../../shim/overlays.py")
	require.NoError(t, err)
	list := regexp.MustCompile(`(?s)\nDRAWN = \((.*?)\n\)`).FindSubmatch(source)
	require.NotNil(t, list)
	var offered, drawn []string
	for _, name := range regexp.MustCompile(`"(\w+)"`).FindAllSubmatch(list[1], -1) {
		offered = append(offered, string(name[1]))
	}
	for k := range specs {
		if len(ShapePaths(specs[k].name, false)) > 0 {
			drawn = append(drawn, specs[k].name)
		}
	}
	slices.Sort(drawn)
	assert.Equal(t, drawn, offered)
}
