package standin_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page asks for a page, without any key.
func (c *client) page(path string) answer {
	c.t.Helper()
	return c.do(c.request(http.MethodGet, c.URL()+path, ""))
}

func pngOf(t *testing.T, img image.Image) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, img))
	return out.String()
}

const pictureType = `{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"image-file","params":{
	"box_layers":{"wb_type":"const","params":{"val":{"predictions":[1],"ground_truth":[0]}}},
	"mask_layers":{"wb_type":"const","params":{"val":{"sky":[1]}}},
	"class_map":{"wb_type":"const","params":{"val":{"1":"cat"}}},
	"box_class_maps":{"wb_type":"const","params":{"val":{"ground_truth":{"0":"dog"}}}}}}]}}`

// demo logs a run with a table of a picture, its parts and more.
func demo(t *testing.T, c *client) {
	t.Helper()
	mask := image.NewGray(image.Rect(0, 0, 4, 2))
	mask.SetGray(1, 1, color.Gray{Y: 1})
	cell := `{"_type":"image-file","path":"media/images/a.png","format":"png","width":200,"height":100,"caption":"a <caption>",
		"boxes":{"ground_truth":[{"position":{"minX":0.1,"maxX":0.5,"minY":0.2,"maxY":0.6},"class_id":0},
			{"position":{"minX":0,"maxX":0.5,"minY":0,"maxY":0.5},"class_id":0,"box_caption":"a dog (0.50)","scores":{"confidence":0.5}},
			{"position":{"minX":0.5,"maxX":0.51,"minY":0.5,"maxY":0.52},"class_id":0,"box_caption":"a nose"}],
		"predictions":[{"position":{"middle":[100,50],"width":20,"height":10},"domain":"pixel","class_id":1,"scores":{"confidence":0.756}}]},
		"masks":{"sky":{"_type":"mask","path":"media/images/mask/m.mask.png"}}}`
	table := `{"_type":"table","columns":["id","<b>","pic","when","tags","more"],"data":[["<script>alert(1)</script>",0.5,` + cell + `,1700000000000,["x","y"],{"k":1}],
		["two",null,{"_type":"image-file","path":"gone.png","width":1,"height":1},null,[],null]],"ncols":6,"nrows":2,
		"column_types":{"wb_type":"typedDict","params":{"type_map":{"id":{"wb_type":"string"},"when":{"wb_type":"timestamp"},"pic":` + pictureType + `}}}}`
	files := map[string]string{
		"samples.table.json": table, "media/images/a.png": pngOf(t, image.NewGray(image.Rect(0, 0, 200, 100))),
		"media/images/mask/m.mask.png": pngOf(t, mask), "notes/<x>.txt": "some <text>", "page.html": "<script>alert(1)</script>",
		"all.partitioned-table.json": `{"_type":"partitioned-table","parts_path":"all_parts"}`,
	}
	for part := range 3 {
		rows := make([]string, 40)
		for i := range rows {
			rows[i] = fmt.Sprintf(`[%d]`, part*40+i)
		}
		files[fmt.Sprintf("all_parts/part-%04d.table.json", part)] = `{"columns":["n"],"data":[` + strings.Join(rows, ",") + `]}`
	}
	c.data(upsert, object{"i": object{
		"modelName": "p", "name": "maker", "displayName": "A <title>", "tags": []string{"tag one"}, "notes": "Some notes",
		"config": `{"lr":{"value":0.5},"deep":{"value":{"er":"text"}},"_wandb":{"value":{"t":{}}}}`,
	}})
	id := c.log(spec{files: files, input: object{"metadata": `{"n":[1,2]}`, "description": "The words", "tags": []object{{"tagName": "checked"}}}})
	c.run("p", "user")
	c.data(`mutation($i: UseArtifactInput!) { useArtifact(input: $i) { artifact { id } } }`,
		object{"i": object{"artifactID": id, "entityName": c.Entity(), "projectName": "p", "runName": "user"}})
	require.Equal(t, 200, c.stream("maker", `{"files":{
		"wandb-history.jsonl":{"offset":0,"content":["{\"_step\":0,\"loss\":4,\"v\":{\"acc\":0.25}}","{\"_step\":1,\"loss\":1,\"v\":{\"acc\":0.75}}"]},
		"wandb-summary.json":{"offset":0,"content":["{\"loss\":1,\"t\":{\"_type\":\"table-file\",\"nrows\":2,\"artifact_path\":\"wandb-artifact://`+hexOf(id)+`/samples.table.json\"}}"]},
		"output.log":{"offset":0,"content":["printed <line>"]}},"complete":true,"exitcode":0}`).status)
	c.data(`mutation { upsertView(input: {projectName: "p", displayName: "Why & how?", spec: "{\"blocks\":[{\"type\":\"paragraph\",\"children\":[{\"text\":\"Words <here>\"}]}]}"}) { inserted } }`, nil)
}

func TestPagesShowWhatThereIs(t *testing.T) {
	c := start(t)
	demo(t, c)
	version := "/local-user/p/artifacts/dataset/things/v0"
	for path, wants := range map[string][]string{
		"/":           {"local-user", `href="/local-user/p"`},
		"/local-user": {`href="/local-user/p"`},
		"/local-user/p": {
			"A &lt;title&gt;", "maker", "finished", "running", "tag one", `href="/local-user/p/artifacts/dataset/things/v0"`, "dataset", "Why &amp; how?",
		},
		"/local-user/p/artifacts/dataset": {"things"},
		"/local-user/p/artifacts":         {"things"},
		"/local-user/p/runs/maker": {
			"A &lt;title&gt;", "Some notes", "deep.er", "text", "<polyline", "v.acc", "0.75", "table-file of 2 rows",
			`href="` + version + `/files/samples.table.json"`, "things:v0", "printed &lt;line&gt;",
		},
		"/local-user/p/runs/user":                       {"Artifacts used", "things:v0"},
		"/local-user/p/runs/maker/overview":             {"A &lt;title&gt;"},
		"/local-user/p/artifacts/dataset/things":        {"things:v0"},
		version:                                         {"The words", "latest", "checked", "&#34;n&#34;", "A &lt;title&gt;", "user", "notes/&lt;x&gt;.txt", "all.partitioned-table.json"},
		"/local-user/p/artifacts/dataset/things/latest": {"things:v0"},
		version + "/lineage":                            {"things:v0"},
		version + "/files/notes/%3Cx%3E.txt":            {"some &lt;text&gt;"},
		version + "/files/media/images/a.png":           {`<img class="whole" src="` + version + `/raw/media/images/a.png"`},
		version + "/files/samples.table.json": {
			"2 rows", "6 columns", "&lt;b&gt;", "&lt;script&gt;", "2023-11-14 22:13:20.000", "timestamp", `{&#34;k&#34;:1}`,
			`<image href="` + version + `/raw/media/images/a.png" width="200" height="100"/>`, "a &lt;caption&gt;",
			`<rect x="20" y="20" width="80" height="40"`, ">dog<", `<rect x="90" y="45" width="20" height="10"`, ">cat 0.76<", ">a dog (0.50)<", "<title>ground_truth: a nose</title>",
			`href="` + version + `/mask/media/images/mask/m.mask.png"`, "gone.png is not in this storage",
			"ground_truth (full lines), predictions (dashed), sky (areas)",
		},
		version + "/files/all.partitioned-table.json":        {"120 rows", "3 parts", "<div>0</div>", "<div>49</div>", "1–50 of 120", `href="?page=2"`},
		version + "/files/all.partitioned-table.json?page=2": {"<div>50</div>", "<div>99</div>"},
		version + "/files/all.partitioned-table.json?page=9": {"<div>119</div>", "101–120 of 120"},
		"/local-user/p/reports":                              {"Why &amp; how?"},
	} {
		a := c.page(path)
		assert.Equal(t, 200, a.status, path)
		for _, want := range wants {
			assert.Contains(t, a.text, want, path)
		}
		assert.NotContains(t, a.text, "<script", path)
		assert.NotContains(t, a.text, ">a nose<", "the text of so small a box would hide it")
		assert.NotContains(t, strings.ReplaceAll(a.text, c.URL(), ""), "http://", "nothing comes from elsewhere: "+path)
		assert.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'", path)
	}
	report := linkIn(t, c.page("/local-user/p").text, "/local-user/p/reports/")
	assert.True(t, strings.HasPrefix(report, "/local-user/p/reports/Why-20-26-20how-3F--Vmlldz"), report)
	assert.Contains(t, c.page(report).text, "Words &lt;here&gt;")
	parts := c.page(version).text
	assert.NotContains(t, parts[strings.Index(parts, "<h2>Tables"):strings.Index(parts, "<h2>Lineage")], "part-0000", "parts are not tables of their own")
}

// linkIn finds the first link of a page that begins so.
func linkIn(t *testing.T, page, prefix string) string {
	t.Helper()
	at := strings.Index(page, `href="`+prefix)
	require.Positive(t, at)
	rest := page[at+len(`href="`):]
	return rest[:strings.Index(rest, `"`)]
}

func TestPagesSayWhatIsMissing(t *testing.T) {
	c := start(t)
	demo(t, c)
	for path, want := range map[string]int{
		"/nobody": 404, "/nobody/p": 404, "/forbidden-team": 403, "/forbidden-team/p": 403, "/local-user/x": 404, "/local-user/p/runs/x": 404,
		"/local-user/p/artifacts/dataset/x": 404, "/local-user/p/artifacts/dataset/things/v9": 404, "/local-user/p/artifacts/model/things/v0": 404,
		"/local-user/p/artifacts/dataset/things/v0/files/x": 404, "/local-user/p/artifacts/dataset/things/v0/raw/x": 404,
		"/local-user/p/artifacts/dataset/things/v0/mask/x": 404, "/local-user/p/artifacts/dataset/things/v0/mask/samples.table.json": 400,
		"/local-user/p/artifacts/dataset/things/v0/files/x.table.json": 404, "/local-user/p/reports/x--y": 404,
		"/local-user/p/runs/maker/files/x": 404, "/a/b/c/d/e/f/g/h/i": 404,
	} {
		a := c.page(path)
		assert.Equal(t, want, a.status, path)
		assert.Contains(t, a.text, "<h1>", path)
	}
	assert.Contains(t, start(t).page("/").text, "No projects yet")
	assert.Equal(t, 200, c.page("/-/style.css").status)
}

// TestLoggedFilesRunNothing serves what somebody logged so that a browser only shows it.
func TestLoggedFilesRunNothing(t *testing.T) {
	c := start(t)
	demo(t, c)
	base := "/local-user/p/artifacts/dataset/things/v0/raw/"
	for name, want := range map[string]string{
		"page.html": "application/octet-stream", "samples.table.json": "text/plain; charset=utf-8", "media/images/a.png": "image/png",
	} {
		a := c.page(base + name)
		assert.Equal(t, 200, a.status)
		assert.Equal(t, want, a.header.Get("Content-Type"))
		assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
		assert.Contains(t, a.header.Get("Content-Security-Policy"), "sandbox")
	}
	again := c.request(http.MethodGet, c.URL()+base+"page.html", "")
	again.Header.Set("If-None-Match", c.page(base+"page.html").header.Get("ETag"))
	assert.Equal(t, 304, c.do(again).status)
}

func TestMasksAreMadeVisible(t *testing.T) {
	c := start(t)
	demo(t, c)
	a := c.page("/local-user/p/artifacts/dataset/things/v0/mask/media/images/mask/m.mask.png")
	require.Equal(t, 200, a.status)
	img, err := png.Decode(strings.NewReader(a.text))
	require.NoError(t, err)
	_, _, _, alpha := img.At(0, 0).RGBA()
	assert.Zero(t, alpha, "class 0 is not drawn")
	_, _, _, alpha = img.At(1, 1).RGBA()
	assert.NotZero(t, alpha)
}

// TestTableOfAnotherArtifact shows a table that a version only refers to, with its pictures.
func TestTableOfAnotherArtifact(t *testing.T) {
	c := start(t)
	demo(t, c)
	id := c.version("things:v0")["id"].(string)
	ref := "wandb-artifact://" + hexOf(id) + "/samples.table.json"
	s := spec{name: "linked"}
	c.run("p", "maker")
	linked := c.create(spec{name: "linked", input: object{"digest": artifactDigest(map[string]string{"t.table.json": "x"})}})["id"].(string)
	c.sendManifest(s, linked, object{
		"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": object{"storageLayout": "V2"},
		"contents": object{"t.table.json": object{"digest": "x", "ref": ref}},
	})
	c.data(commitArtifact, object{"artifactID": linked})
	text := c.page("/local-user/p/artifacts/dataset/linked/v0/files/t.table.json").text
	assert.Contains(t, text, "/things/v0/raw/media/images/a.png")
	assert.Contains(t, c.page("/local-user/p/artifacts/dataset/linked/v0").text, "in another artifact")
}
